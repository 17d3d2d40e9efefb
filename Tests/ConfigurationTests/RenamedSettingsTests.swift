import Configuration
import JSON
import Testing

private func message(_ body: () throws -> Void) -> String {
  do { try body() } catch { return "\(error)" }
  return ""
}

/// Renamed settings keep their former name for one release.
@Suite struct `A former name of a setting` {
  @Test func `works in the file, with a warning that has the new name`() throws {
    var settings = Settings()
    try settings.apply(file: Array(#"{"scheduling":{"brief_seats":3}}"#.utf8), source: "config.json")
    #expect(settings.scheduling.shortRequestSlots == 3 && settings.isGiven(\.scheduling.shortRequestSlots))
    #expect(
      settings.warnings == [
        "config.json: scheduling.brief_seats was renamed to scheduling.short_request_slots; the next release rejects "
          + "the former name"
      ])
  }

  @Test func `works as a variable, with a warning that has the new variable`() throws {
    var settings = Settings()
    try settings.apply(environment: ["R4B_SCHEDULING_MAX_IDLE": "7"])
    #expect(settings.scheduling.maxBatchRequests == 7)
    #expect(settings.warnings.count == 1)
    #expect(settings.warnings[0].contains("R4B_SCHEDULING_MAX_IDLE was renamed to R4B_SCHEDULING_MAX_BATCH_REQUESTS"))
  }

  @Test func `works in a flag, with a warning`() throws {
    var settings = Settings()
    try settings.apply(flag: "scheduling.max_idle", text: "7", source: "--set")
    #expect(settings.scheduling.maxBatchRequests == 7)
    #expect(settings.warnings.count == 1 && settings.warnings[0].contains("--set: scheduling.max_idle was renamed"))
  }

  @Test func `is no warning where only the new name is given`() throws {
    var settings = Settings()
    try settings.apply(file: Array(#"{"scheduling":{"short_request_slots":3}}"#.utf8), source: "f")
    try settings.apply(environment: ["R4B_SCHEDULING_SHORT_REQUEST_SLOTS": "4"])
    try settings.apply(flag: "scheduling.short_request_slots", text: "5", source: "--set")
    try settings.apply(flag: "scheduling.short_request_slots", text: "6", source: "--set")
    #expect(settings.scheduling.shortRequestSlots == 6 && settings.warnings.isEmpty)
  }

  @Test func `beside the new name in the same source is an error that has both`() {
    for file in [
      #"{"scheduling":{"brief_seats":3,"short_request_slots":3}}"#,
      #"{"scheduling":{"short_request_slots":3,"brief_seats":3}}"#,
    ] {
      let message = message {
        var settings = Settings()
        try settings.apply(file: Array(file.utf8), source: "config.json")
      }
      #expect(
        message == "config.json: scheduling.brief_seats and scheduling.short_request_slots are the same setting; "
          + "remove scheduling.brief_seats, its former name")
    }
    let environment = message {
      var settings = Settings()
      try settings.apply(
        environment: ["R4B_SCHEDULING_MAX_IDLE": "1", "R4B_SCHEDULING_MAX_BATCH_REQUESTS": "1"])
    }
    #expect(environment.contains("remove R4B_SCHEDULING_MAX_IDLE, its former name"))
    let flags = message {
      var settings = Settings()
      try settings.apply(flag: "scheduling.max_idle", text: "1", source: "--set")
      try settings.apply(flag: "scheduling.max_batch_requests", text: "1", source: "--set")
    }
    #expect(flags.contains("remove scheduling.max_idle, its former name"))
  }

  @Test func `in the file is overridden by the new name in a later source`() throws {
    var settings = Settings()
    try settings.apply(file: Array(#"{"scheduling":{"brief_seats":3}}"#.utf8), source: "f")
    try settings.apply(environment: ["R4B_SCHEDULING_SHORT_REQUEST_SLOTS": "4"])
    #expect(settings.scheduling.shortRequestSlots == 4 && settings.warnings.count == 1)
  }

  @Test func `is checked like the new one, and the error has the name that was given`() {
    let message = message {
      var settings = Settings()
      try settings.apply(file: Array(#"{"scheduling":{"brief_seats":-1}}"#.utf8), source: "f")
    }
    #expect(message == "f: scheduling.brief_seats must be an integer from 0 to 1023, not -1")
  }

  @Test func `is in no suggestion, document or table`() {
    let message = message {
      var settings = Settings()
      try settings.apply(flag: "scheduling.brief", text: "1", source: "--set")
    }
    #expect(message.contains("scheduling.short_request_slots") && !message.contains("brief_seats"))
    #expect(Settings().document["scheduling"]?["max_idle"] == nil)
    #expect(!Settings.documentation.contains("max_idle"))
  }
}
