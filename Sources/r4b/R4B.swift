// The command line.
import ArgumentParser
import Dispatch
import Foundation
import Glibc

/// Prepares the process, then runs the command. The preparation is synchronous, so that it comes before the first
/// thread.
@main
enum Program {
  static func main() {
    ProcessPreparation.openStandardStreams()
    ProcessPreparation.setThreadStacks()
    ProcessPreparation.checkLimits()
    Task {
      await R4B.main()
      exit(EXIT_SUCCESS)
    }
    dispatchMain()
  }
}

struct R4B: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "r4b", abstract: "Runs the auto-thinking vision–language model R-4B on the CPU.", version: version,
    subcommands: [
      ServeCommand.self, ChatCommand.self, InspectCommand.self, QuantizeCommand.self, BenchCommand.self,
      PerplexityCommand.self, EvalCommand.self, AnnotateCommand.self,
    ],
    defaultSubcommand: nil)
}

/// Writes a line to standard error.
func note(_ text: String) { _ = put(text + "\n", STDERR_FILENO) }

/// Writes to a descriptor; returns false when it accepts no more, for instance because nobody reads the pipe.
func put(_ text: String, _ descriptor: Int32) -> Bool {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return false }
  }
  return true
}

/// Runs a command; prints its error in one line and exits with code 1.
func reportingErrors(_ body: () async throws -> Void) async throws {
  do { try await body() } catch let error where !(error is ExitCode) {
    note("error: \(error)")
    throw ExitCode.failure
  }
}
