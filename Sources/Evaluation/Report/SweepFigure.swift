// Accuracy against mean output tokens for different think biases, with the modes as marked points.
import Statistics

struct SweepFigure {
  let section: EvaluationReport.Section

  private static let (width, plotHeight, top, left, right, bottom) = (640.0, 300.0, 20.0, 64.0, 30.0, 92.0)

  private struct Point {
    var x: Double
    var y: Double
    var summary: EvaluationReport.Summary
  }

  /// The SVG; empty if no mode's tokens and accuracy are known.
  var svg: String {
    let sweep = Self.points(section.sweep)
    let modes = Self.points(section.sweep.isEmpty ? section.modes : section.sweepModes)
    let all = sweep + modes
    guard let low = all.map(\.y).min(), let high = all.map(\.y).max(), let most = all.map(\.x).max() else { return "" }
    let across = FigureAxis(0, max(most, 1), ticks: 6)
    let up = FigureAxis(max(0, low - 2), min(100, high + 2))
    let height = Self.top + Self.plotHeight + Self.bottom, base = Self.top + Self.plotHeight
    func x(_ value: Double) -> Double { Self.left + (Self.width - Self.left - Self.right) * across.position(value) }
    func y(_ value: Double) -> Double { Self.top + Self.plotHeight * (1 - up.position(value)) }
    var parts = up.ticks.map { tick in
      Figure.line(Self.left, y(tick), Self.width - Self.right, y(tick), "grid")
        + Figure.text(Self.left - 8, y(tick) + 4, up.text(tick) + " %", anchor: "end")
    }
    parts += across.ticks.map { tick in
      Figure.line(x(tick), base, x(tick), base + 5, "axis") + Figure.text(x(tick), base + 20, across.text(tick))
    }
    parts.append(Figure.line(Self.left, base, Self.width - Self.right, base, "axis"))
    parts.append(Figure.text((Self.left + Self.width - Self.right) / 2, base + 40, "mean output tokens per question"))
    parts.append(Figure.polyline(sweep.map { (x($0.x), y($0.y)) }))
    for point in sweep { parts.append(Figure.circle(x(point.x), y(point.y), 4, "auto")) }
    for run in Self.runs(sweep, closerThan: 14, { (x($0.x), y($0.y)) }) {
      let at = run.points[0]
      parts.append(Figure.text(x(at.x) + 10, y(at.y) + 16, run.label, anchor: "start"))
    }
    for point in modes {
      let mode = point.summary.arm.mode.rawValue
      parts.append(Figure.circle(x(point.x), y(point.y), 8, mode + " ring"))
      parts.append(Figure.text(x(point.x), y(point.y) - 13, mode, style: "strong"))
    }
    parts.append(Figure.legend(modes.map(\.summary.arm.mode), x: Self.left, y: height - 18))
    let descriptions = all.map { point in
      "\(point.summary.arm): \(ReportNumber.text(point.x)) tokens, accuracy \(ReportNumber.text(point.y)) %"
    }
    return Figure.svg(
      id: "figure-sweep", width: Self.width, height: height, title: "Accuracy against mean output tokens",
      description: descriptions.joined(separator: "; ") + ".", parts)
  }

  private static func points(_ summaries: [EvaluationReport.Summary]) -> [Point] {
    summaries.compactMap { summary in
      guard let tokens = summary.output?.mean, let accuracy = summary.accuracy else { return nil }
      return Point(x: tokens, y: 100 * accuracy.estimate, summary: summary)
    }
  }

  /// Returns runs of points whose labels would overlap, with one label per run.
  private static func runs(
    _ points: [Point], closerThan distance: Double, _ position: (Point) -> (x: Double, y: Double)
  ) -> [(points: [Point], label: String)] {
    var runs: [[Point]] = []
    for point in points {
      if let first = runs.last?.first {
        let (a, b) = (position(first), position(point))
        if abs(a.x - b.x) < distance, abs(a.y - b.y) < distance {
          runs[runs.count - 1].append(point)
          continue
        }
      }
      runs.append([point])
    }
    return runs.map { run in
      let biases = run.map { $0.summary.arm.bias ?? 0 }
      let ends = Set([biases.min() ?? 0, biases.max() ?? 0]).sorted()
      return (run, ends.map(signed).joined(separator: " to "))
    }
  }

  private static func signed(_ bias: Double) -> String {
    (bias > 0 ? "+" : "") + ReportNumber.text(bias, bias == bias.rounded() ? 0 : 2)
  }
}
