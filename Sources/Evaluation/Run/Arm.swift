// An arm of the evaluation: a mode and, for `auto`, an optional think bias.
import JSON

/// A thinking mode with its bias.
package struct Arm: Hashable, Sendable, CustomStringConvertible {
  /// The modes of R-4B, in the order of reports.
  package enum Mode: String, Sendable, CaseIterable {
    case short, auto, long
  }

  package var mode: Mode
  /// The think bias in logits (`think_bias`; positive values favour short replies), only for `auto`; nil for the
  /// unmodified model.
  package var bias: Double?

  package init(_ mode: Mode, bias: Double? = nil) { (self.mode, self.bias) = (mode, bias) }

  /// `short`, `long`, `auto`, or `auto` with its bias: `auto+2`.
  package var description: String {
    guard let bias else { return mode.rawValue }
    return mode.rawValue + (bias < 0 ? "" : "+") + Self.text(bias)
  }

  /// Formats a bias without unneeded decimals.
  package static func text(_ bias: Double) -> String {
    Int(exactly: bias).map(String.init) ?? "\(bias)"
  }
}
