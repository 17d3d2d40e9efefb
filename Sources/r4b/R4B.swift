// The command line.
import ArgumentParser
import Foundation

@main
struct R4B: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "r4b", abstract: "Runs the auto-thinking vision–language model R-4B on CPU.", version: version,
    subcommands: [ServeCommand.self, ChatCommand.self, InspectCommand.self], defaultSubcommand: nil)
}

/// Writes a line to standard error.
func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
