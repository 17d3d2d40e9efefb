// One way of asking: a mode, and in `auto` perhaps a bias of the decision.
import JSON

/// A mode of thinking with its bias.
package struct Arm: Hashable, Sendable, CustomStringConvertible {
  /// The modes of R-4B, in the order of reports.
  package enum Mode: String, Sendable, CaseIterable {
    case short, auto, long
  }

  package var mode: Mode
  /// Logits against thinking (`think_bias`), in `auto` only; nil for the model as it is.
  package var bias: Double?

  package init(_ mode: Mode, bias: Double? = nil) { (self.mode, self.bias) = (mode, bias) }

  /// `short`, `long`, `auto`, or `auto` with its bias: `auto+2`.
  package var description: String {
    guard let bias else { return mode.rawValue }
    return mode.rawValue + (bias < 0 ? "" : "+") + Self.text(bias)
  }

  /// A bias without needless decimals.
  package static func text(_ bias: Double) -> String {
    Int(exactly: bias).map(String.init) ?? "\(bias)"
  }
}
