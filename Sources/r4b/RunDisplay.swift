// The progress of `r4b eval` and `r4b annotate` on standard error: one line that is overwritten on a terminal, else a
// line every half minute.
import Evaluation
import Foundation
import Glibc

struct RunDisplay {
  private let onTerminal = isatty(STDERR_FILENO) == 1
  private var shown: ContinuousClock.Instant?
  /// The time between two lines.
  private var pause: Duration { onTerminal ? .milliseconds(100) : .seconds(30) }
  private static let width = 24

  mutating func show(_ progress: RunProgress) {
    let isLast = progress.done + progress.failed >= progress.total
    if let shown, !isLast, ContinuousClock.now - shown < pause { return }
    shown = .now
    var parts = ["\(progress.done) of \(progress.total)"]
    if let rate = progress.rate { parts.append(progress.rateName + String(format: " %.1f %%", 100 * rate)) }
    if progress.failed > 0 { parts.append("failed \(progress.failed)") }
    if let remaining = progress.remaining, !isLast { parts.append("about \(Self.text(remaining)) left") }
    let line = parts.joined(separator: " · ")
    guard onTerminal else { return note(line) }
    let filled = progress.total == 0 ? 0 : progress.done * Self.width / progress.total
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
    _ = put("\r\u{1B}[K\(bar) \(line)", STDERR_FILENO)
  }

  /// Moves to a new line after the overwritten one.
  func end() {
    if onTerminal, shown != nil { note("") }
  }

  /// A time for a reader: `42 s`, `12 min`, `3 h 05 min`.
  private static func text(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 1e9).rounded(.up))
    if whole < 100 { return "\(whole) s" }
    let minutes = (whole + 59) / 60
    return minutes < 100 ? "\(minutes) min" : "\(minutes / 60) h \(String(format: "%02d", minutes % 60)) min"
  }
}
