// Writes `report.html`: one self-contained file with figures first and tables of the same numbers below.

extension EvaluationReport {
  /// The report as an HTML page.
  package var html: String {
    let all = sections[0]
    let figures = [
      ("Mean output tokens per question by mode, with the accuracy above each bar.", BarFigure(sections: sections).svg),
      (
        all.sweep.isEmpty
          ? "Accuracy against mean output tokens of the modes."
          : "Accuracy against mean output tokens for different think biases. Labels are biases; rings are modes.",
        SweepFigure(section: all).svg
      ),
    ].filter { !$0.1.isEmpty }.map { caption, svg in
      """
      <figure><div class="scroll" role="region" tabindex="0" aria-label="\(caption.escapedForHTML)">
      \(svg)
      </div><figcaption>\(caption.escapedForHTML)</figcaption></figure>
      """
    }
    let notes = notes.isEmpty ? "" : "<ul>" + notes.map { "<li>\($0.escapedForHTML)</li>" }.joined() + "</ul>"
    let tables = sections.map { section in
      let heading = "\(section.name) (\(section.questions) questions)"
      return """
        <section><h2>\(heading.escapedForHTML)</h2>
        \(Self.tables(of: section).map(\.html).joined(separator: "\n"))
        </section>
        """
    }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <title>\(title.escapedForHTML)</title>
      <style>
      \(Self.style)
      </style>
      </head>
      <body>
      <main>
      <h1>\(title.escapedForHTML)</h1>
      \(notes)
      \(figures.joined(separator: "\n"))
      \(tables.joined(separator: "\n"))
      </main>
      </body>
      </html>

      """
  }

  /// Text has a contrast of at least 7 : 1 with its background in both colour schemes; bars and lines have at least 3
  /// : 1.
  private static let style = """
    :root { color-scheme: light dark; --ground: #fff; --ink: #1b1b1f; --rule: #c9c9d1; --axis: #5c5c66;
      --short: #0068a8; --auto: #b04a00; --long: #6a3d9a; }
    @media (prefers-color-scheme: dark) {
      :root { --ground: #16161a; --ink: #ececf1; --rule: #45454f; --axis: #a9a9b4;
        --short: #64b5f6; --auto: #ffa45c; --long: #c3a3f0; } }
    body { background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 0; }
    main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
    figure { margin: 2rem 0; }
    figcaption, caption { text-align: left; font-size: .9rem; padding: .4rem 0; }
    .scroll { overflow-x: auto; }
    .scroll:focus-visible { outline: 2px solid var(--short); }
    table { border-collapse: collapse; margin: 1rem 0; font-size: .9rem; font-variant-numeric: tabular-nums; }
    th, td { border-bottom: 1px solid var(--rule); padding: .3rem .6rem; text-align: right; white-space: nowrap; }
    th:first-child { text-align: left; }
    svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
    svg .strong { font-weight: 600; }
    svg .grid { stroke: var(--rule); }
    svg .axis { stroke: var(--axis); }
    svg .path { fill: none; stroke: var(--auto); stroke-width: 2; }
    svg .short { fill: var(--short); stroke: var(--short); }
    svg .auto { fill: var(--auto); stroke: var(--auto); }
    svg .long { fill: var(--long); stroke: var(--long); }
    svg .ring { fill: none; stroke-width: 3; }
    """
}
