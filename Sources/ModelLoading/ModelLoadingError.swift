// The one error of this module.

/// Why the files of a checkpoint do not make a model: they are well formed, but they contradict each other or lack
/// something.
package struct ModelLoadingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Path of the file or directory at fault.
  package let file: String
  package let reason: String

  package init(file: String, reason: String) { (self.file, self.reason) = (file, reason) }

  package var description: String { "\(file): \(reason)" }
}
