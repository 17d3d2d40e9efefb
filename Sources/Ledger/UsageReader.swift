// Reads a report within one transaction, so that rows and roll-ups show the same moment.
import GRDB
import GenerationTypes

/// A report under construction.
struct UsageReader {
  private struct CellKey: Hashable {
    var bucket: Int
    var label: UsageLabel
  }

  private let query: UsageQuery
  private let range: UsageRange
  private let maximumCells: Int
  private var cells: [CellKey: UsageCell] = [:]

  /// A reader for one report of `query`, whose range is `range`.
  init(_ query: UsageQuery, _ range: UsageRange, maximumCells: Int) {
    (self.query, self.range, self.maximumCells) = (query, range, maximumCells)
  }

  /// Reads everything that the report needs.
  ///
  /// - Throws: `LedgerError.tooManyCells`, `DatabaseError`.
  mutating func read(_ db: Database) throws {
    let horizon = try LedgerSchema.state("horizon_us", in: db)
    for segment in range.segments(horizon: horizon) {
      if let span = segment.span {
        try readRollups(db, span, segment)
        try readShadowRollups(db, span, segment)
      } else {
        try readRows(db, segment)
        try readShadows(db, segment)
      }
    }
  }

  /// Returns the report.
  func report() -> UsageReport {
    var total = UsageCell()
    var groups: [UsageLabel: UsageCell] = [:]
    var byBucket = [[(label: UsageLabel, cell: UsageCell)]](repeating: [], count: range.buckets)
    for (key, cell) in cells {
      groups[key.label, default: UsageCell()].merge(cell)
      byBucket[key.bucket].append((key.label, cell))
    }
    if query.groupBy.isEmpty, groups.isEmpty { groups[UsageLabel()] = UsageCell() }
    let sortedGroups = groups.sorted { $0.key.order.lexicographicallyPrecedes($1.key.order) }
    for (_, cell) in sortedGroups { total.merge(cell) }
    let buckets = byBucket.enumerated().map { index, cells in
      let bounds = range.bounds(of: index)
      let sorted = cells.sorted { $0.label.order.lexicographicallyPrecedes($1.label.order) }
      let groups = sorted.map { UsageGroup(label: $0.label, summary: $0.cell.summary) }
      var total = UsageCell()
      if cells.count > 1 { for (_, cell) in sorted { total.merge(cell) } }
      return UsageBucket(
        from: bounds.from, to: bounds.to, total: groups.count == 1 ? groups[0].summary : total.summary, groups: groups)
    }
    return UsageReport(
      from: query.from, to: query.to, total: total.summary,
      groups: sortedGroups.map { UsageGroup(label: $0.key, summary: $0.value.summary) }, buckets: buckets)
  }

  private mutating func readRollups(_ db: Database, _ span: LedgerSchema.Span, _ segment: UsageRange.Segment) throws {
    let columns = LedgerSchema.counterColumns + ["sketches"]
    let (filter, values) = conditions(isShadow: false)
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT start, requested_mode, mode, key, \(columns.joined(separator: ", ")) FROM \(span.rawValue)
        WHERE start >= ? AND start < ?\(filter)
        """, arguments: [segment.from / 1_000_000, segment.to / 1_000_000] + values)
    while let row = try rows.next() {
      let start = try row.number(0)
      let (requestedMode, mode, key) = (try row.text(1), try row.text(2), try row.text(3))
      try count(Self.microseconds(start), requestedMode, mode, key) { tally in try tally.merge(row, from: 4) }
    }
  }

  private mutating func readRows(_ db: Database, _ segment: UsageRange.Segment) throws {
    let columns = Measure.allCases.map(\.expression)
    let (filter, values) = conditions(isShadow: false)
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT time_us, requested_mode, mode, key, replies, finish, thought_end, think_probability, decided, sampled,
          \(columns.joined(separator: ", "))
        FROM request WHERE time_us >= ? AND time_us < ?\(filter)
        """, arguments: [segment.from, segment.to] + values)
    while let row = try rows.next() {
      let time = try row.number(0)
      let (requestedMode, mode, key) = (try row.text(1), try row.text(2), try row.text(3))
      let request = LedgerRow(
        time: time, key: key, requestedMode: requestedMode, mode: mode,
        thinkProbability: Bounded.probability(Double.fromDatabaseValue(row[7])), isDecided: try row.number(8) != 0,
        isSampled: try row.number(9) != 0, replies: try row.number(4), finish: try row.text(5),
        thoughtEnd: String.fromDatabaseValue(row[6]),
        measures: try (0..<columns.count).map { try row.numberOrNil(10 + $0) })
      try count(time, requestedMode, mode, key) { $0.insert(request) }
    }
  }

  private mutating func readShadowRollups(
    _ db: Database, _ span: LedgerSchema.Span, _ segment: UsageRange.Segment
  ) throws {
    let (filter, values) = conditions(isShadow: true)
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT start, mode, key, \(LedgerSchema.shadowColumns.joined(separator: ", ")) FROM \(span.shadowTable)
        WHERE start >= ? AND start < ?\(filter)
        """, arguments: [segment.from / 1_000_000, segment.to / 1_000_000] + values)
    while let row = try rows.next() {
      let (start, mode, key) = (try row.number(0), try row.text(1), try row.text(2))
      let sums = try ShadowSums(row, from: 3)
      try withCell(Self.microseconds(start), ThinkingMode.auto.rawValue, mode, key) { $0.add(sums, mode: mode) }
    }
  }

  private mutating func readShadows(_ db: Database, _ segment: UsageRange.Segment) throws {
    let (filter, values) = conditions(isShadow: true)
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT time_us, mode, key, tokens, seconds_us, shadow_tokens, shadow_seconds_us, shadow_prompt_tokens FROM shadow
        WHERE time_us >= ? AND time_us < ?\(filter)
        """, arguments: [segment.from, segment.to] + values)
    while let row = try rows.next() {
      let (time, mode, key) = (try row.number(0), try row.text(1), try row.text(2))
      let shadow = ShadowRow(
        time: time, key: key, mode: mode, tokens: try row.number(3), microseconds: try row.number(4),
        shadowTokens: try row.number(5), shadowMicroseconds: try row.number(6), shadowPromptTokens: try row.number(7))
      try withCell(time, ThinkingMode.auto.rawValue, mode, key) { $0.add(ShadowSums(shadow), mode: mode) }
    }
  }

  /// Converts the start of a roll-up.
  private static func microseconds(_ seconds: Int) -> Int { seconds * 1_000_000 }

  /// The filters of the query. Shadows belong to `auto` requests, so their tables have no column for the requested
  /// mode.
  private func conditions(isShadow: Bool) -> (sql: String, values: StatementArguments) {
    var sql = "", values = StatementArguments()
    for (column, value) in [
      ("key", query.key), ("mode", query.mode?.rawValue), ("requested_mode", query.requestedMode?.rawValue),
    ] {
      guard let value else { continue }
      if isShadow && column == "requested_mode" {
        if query.requestedMode != .auto { sql += " AND 0" }
      } else {
        sql += " AND \(column) = ?"
        values += [value]
      }
    }
    return (sql, values)
  }

  private mutating func count(
    _ moment: Int, _ requestedMode: String, _ mode: String, _ key: String, _ add: (inout UsageTally) throws -> Void
  ) throws {
    try withCell(moment, requestedMode, mode, key) { cell in
      try cell.count(mode: mode, add)
    }
  }

  private mutating func withCell(
    _ moment: Int, _ requestedMode: String, _ mode: String, _ key: String, _ change: (inout UsageCell) throws -> Void
  ) throws {
    let label = UsageLabel(
      requestedMode: query.groupBy.contains(.requestedMode) ? requestedMode : nil,
      mode: query.groupBy.contains(.mode) ? mode : nil, key: query.groupBy.contains(.key) ? key : nil)
    let cell = CellKey(bucket: range.bucket(of: moment), label: label)
    if cells[cell] == nil, cells.count >= maximumCells { throw LedgerError.tooManyCells(limit: maximumCells) }
    try change(&cells[cell, default: UsageCell()])
  }
}
