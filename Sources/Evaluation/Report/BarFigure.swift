// The paper's Figure 7: mean output tokens per question by mode, sets as groups of bars, accuracy above each bar.
import Statistics

struct BarFigure {
  let sections: [EvaluationReport.Section]

  private static let (plotHeight, top, left, bottom) = (240.0, 46.0, 56.0, 60.0)
  private static let (barWidth, barGap, groupGap) = (40.0, 4.0, 24.0)

  /// The SVG; empty if no mode's tokens are known.
  var svg: String {
    let groups = sections.filter { $0.modes.contains { $0.output != nil } }
    let highest = groups.flatMap(\.modes).compactMap { $0.output?.mean }.max() ?? 0
    guard highest > 0 else { return "" }
    let axis = FigureAxis(0, highest)
    let counts = groups.map { Double($0.modes.count) }
    let widths = counts.map { $0 * Self.barWidth + ($0 - 1) * Self.barGap }
    let width = max(340, Self.left + widths.reduce(0) { $0 + $1 + Self.groupGap } + 10)
    let height = Self.top + Self.plotHeight + Self.bottom
    func y(_ value: Double) -> Double { Self.top + Self.plotHeight * (1 - axis.position(value)) }
    var parts = axis.ticks.map { tick in
      Figure.line(Self.left, y(tick), width, y(tick), "grid")
        + Figure.text(Self.left - 8, y(tick) + 4, axis.text(tick), anchor: "end")
    }
    var x = Self.left + Self.groupGap / 2
    for (group, groupWidth) in zip(groups, widths) {
      for (index, summary) in group.modes.enumerated() {
        guard let output = summary.output else { continue }
        let barX = x + Double(index) * (Self.barWidth + Self.barGap), middle = barX + Self.barWidth / 2
        let barY = y(output.mean)
        parts.append(
          Figure.rectangle(barX, barY, Self.barWidth, Self.top + Self.plotHeight - barY, summary.arm.mode.rawValue))
        parts.append(Figure.text(middle, barY - 6, ReportNumber.text(output.mean)))
        if let accuracy = summary.accuracy {
          parts.append(
            Figure.text(middle, barY - 20, ReportNumber.text(100 * accuracy.estimate, 0) + " %", style: "strong"))
        }
      }
      parts.append(
        Figure.text(
          x + groupWidth / 2, Self.top + Self.plotHeight + 20, Figure.shortened(group.name, Int(groupWidth / 7))))
      x += groupWidth + Self.groupGap
    }
    parts.append(Figure.legend(groups.flatMap(\.modes).map(\.arm.mode), x: Self.left, y: height - 18))
    return Figure.svg(
      id: "figure-tokens", width: width, height: height, title: "Mean output tokens by mode and set",
      description: description(of: groups), parts)
  }

  private func description(of groups: [EvaluationReport.Section]) -> String {
    groups.map { group in
      let modes = group.modes.map { summary in
        "\(summary.arm.mode.rawValue) \(summary.output.map { ReportNumber.text($0.mean) } ?? "unknown") tokens, "
          + "accuracy \(summary.accuracy.map { ReportNumber.percent($0.estimate) } ?? "unknown")"
      }
      return "\(group.name): \(modes.joined(separator: "; "))."
    }.joined(separator: " ")
  }
}
