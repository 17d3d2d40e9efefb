// The SVG elements of figures. Colours are CSS classes of the page, so that one drawing serves light and dark mode.

enum Figure {
  /// Returns a figure with an accessible title and description of all values. `id` must be unique on the page.
  static func svg(
    id: String, width: Double, height: Double, title: String, description: String, _ parts: [String]
  ) -> String {
    """
    <svg role="img" aria-labelledby="\(id)-title \(id)-desc" viewBox="0 0 \(number(width)) \(number(height))" \
    width="\(number(width))" height="\(number(height))" xmlns="http://www.w3.org/2000/svg">
    <title id="\(id)-title">\(title.escapedForHTML)</title>
    <desc id="\(id)-desc">\(description.escapedForHTML)</desc>
    \(parts.joined(separator: "\n"))
    </svg>
    """
  }

  static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
    #"<line class="\#(style)" x1="\#(number(x1))" y1="\#(number(y1))" x2="\#(number(x2))" y2="\#(number(y2))"/>"#
  }

  static func text(
    _ x: Double, _ y: Double, _ text: String, anchor: String = "middle", style: String = "label"
  ) -> String {
    #"<text class="\#(style)" x="\#(number(x))" y="\#(number(y))" text-anchor="\#(anchor)">\#(text.escapedForHTML)</text>"#
  }

  static func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, _ style: String) -> String {
    #"<rect class="\#(style)" x="\#(number(x))" y="\#(number(y))" width="\#(number(width))" height="\#(number(height))"/>"#
  }

  static func circle(_ x: Double, _ y: Double, _ radius: Double, _ style: String) -> String {
    #"<circle class="\#(style)" cx="\#(number(x))" cy="\#(number(y))" r="\#(number(radius))"/>"#
  }

  static func polyline(_ points: [(x: Double, y: Double)]) -> String {
    points.count < 2
      ? ""
      : #"<polyline class="path" points="\#(points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " "))"/>"#
  }

  /// Returns a legend of the modes, each once and in order.
  static func legend(_ modes: [Arm.Mode], x: Double, y: Double) -> String {
    let shown = Arm.Mode.allCases.filter(modes.contains)
    return shown.enumerated().map { index, mode in
      let left = x + Double(index) * 90
      return rectangle(left, y - 10, 12, 12, mode.rawValue) + text(left + 18, y, mode.rawValue, anchor: "start")
    }.joined(separator: "\n")
  }

  /// Returns a name shortened to `count` characters.
  static func shortened(_ name: String, _ count: Int) -> String {
    name.count <= max(count, 4) ? name : name.prefix(max(count, 4) - 1) + "…"
  }

  /// Formats a coordinate with one decimal.
  private static func number(_ value: Double) -> String {
    let tenths = (value * 10).rounded() / 10
    return Int(exactly: tenths).map(String.init) ?? "\(tenths)"
  }
}
