// Usage: the query and what the ledger tells.

extension OpenAPIDocument {
  /// Parameters of `GET /v1/usage`.
  var usageParameters: String {
    func parameter(_ name: String, _ schema: String, _ description: String, _ more: String = "") -> String {
      #"""
      {"name": "\#(name)", "in": "query", "schema": \#(schema), "description": \#(Self.quoted(description))\#(more)}
      """#
    }
    let time = #"""
      {"anyOf": [{"type": "number", "minimum": 0, "maximum": 253402300799}, {"type": "string", "format": "date-time"}]}
      """#
    func list(_ words: [String]) -> String {
      let items = words.map(Self.quoted).joined(separator: ", ")
      return #"{"type": "array", "minItems": 1, "uniqueItems": true, "items": {"enum": [\#(items)]}}"#
    }
    func word(_ words: [String]) -> String { #"{"enum": [\#(words.map(Self.quoted).joined(separator: ", "))]}"# }
    return [
      parameter("from", time, "First moment, in seconds since the epoch or as RFC 3339; a day before `to` if absent."),
      parameter("to", time, "First moment that is not counted; now if absent."),
      parameter(
        "bucket", word(UsageRequest.buckets), "Splits the span into UTC minutes (of 6 hours at most), hours or days."),
      parameter(
        "group_by", list(UsageRequest.groupings), "What figures are split by.", #", "style": "form", "explode": false"#),
      parameter("mode", word(UsageRequest.modes), "Only requests of this mode."),
      parameter("requested_mode", word(UsageRequest.requestedModes), "Only requests that asked for this mode."),
      parameter("key", #"{"type": "string", "minLength": 1}"#, "Only requests with the key of this name."),
      parameter("format", word(UsageRequest.formats), "A document, or one line for each bucket and group."),
    ].joined(separator: ",\n      ")
  }

  var usage: String {
    let measures =
      UsageFigures.tokenNames.map { #""\#($0)": \#(Self.schema("TokenFigures"))"# }
      + UsageFigures.timeNames.map { #""\#($0)": \#(Self.schema("TimeFigures"))"# }
    let names = (UsageFigures.tokenNames + UsageFigures.timeNames).map(Self.quoted)
    return #"""
      "UsageReport": {
        "type": "object",
        "required": [
          "object", "from", "to", "bucket", "group_by", "totals", "groups", "buckets", "think_probability", "savings", "ledger"],
        "properties": {
          "object": {"const": "usage"}, "from": \#(Self.schema("Moment")), "to": \#(Self.schema("Moment")),
          "bucket": {"enum": ["minute", "hour", "day", null]},
          "group_by": {"type": "array", "items": {"enum": ["mode", "requested_mode", "key"]}},
          "totals": \#(Self.schema("UsageGroup")),
          "groups": {"type": "array", "items": \#(Self.schema("UsageGroup"))},
          "buckets": {"type": "array", "description": "Those that have requests.", "items": {
            "type": "object", "required": ["start", "end", "groups"], "properties": {
              "start": \#(Self.schema("Moment")), "end": \#(Self.schema("Moment")),
              "groups": {"type": "array", "minItems": 1, "items": \#(Self.schema("UsageGroup"))}}}},
          "think_probability": {
            "type": "object", "required": ["bins", "mean"], "description": "Where the model decided.", "properties": {
              "bins": {"type": "array", "minItems": 20, "maxItems": 20, "items": \#(Self.schema("Count")),
                "description": "Requests by equal parts of 0…1."},
              "mean": {"type": ["number", "null"], "minimum": 0, "maximum": 1}}},
          "savings": \#(Self.schema("Savings")), "ledger": \#(Self.schema("LedgerState"))}
      },
      "Moment": {"type": "number", "minimum": 0, "description": "Seconds since the epoch."},
      "Figure": {"type": ["number", "null"], "minimum": 0},
      "TokenFigures": {
        "type": "object", "required": ["total", "mean", "p50", "p95"], "properties": {
          "total": \#(Self.schema("Count")), "mean": \#(Self.schema("Figure")), "p50": \#(Self.schema("Figure")),
          "p95": \#(Self.schema("Figure"))}
      },
      "TimeFigures": {
        "type": "object", "required": ["mean", "p50", "p95", "p99"], "description": "Of the requests that have this time.",
        "properties": {
          "mean": \#(Self.schema("Figure")), "p50": \#(Self.schema("Figure")), "p95": \#(Self.schema("Figure")),
          "p99": \#(Self.schema("Figure"))}
      },
      "UsageGroup": {
        "type": "object",
        "description": "Means and percentiles are of requests; with n replies a request's counts are summed.",
        "required": [
          "requests", "replies", "share", "decided_requests", "think_rate", "tokens_per_answer", "seconds_per_answer", "finish", "thought_ends",
          \#(names.joined(separator: ", "))],
        "properties": {
          "mode": {"enum": ["thinking", "non_thinking"]}, "requested_mode": \#(Self.schema("ThinkingMode")),
          "key": {"type": ["string", "null"], "description": "The name of the API key."},
          "requests": \#(Self.schema("Count")), "replies": \#(Self.schema("Count")),
          "share": {"type": ["number", "null"], "minimum": 0, "maximum": 1, "description": "Of the span's requests, or the bucket's."},
          "decided_requests": {"type": "integer", "minimum": 0,
            "description": "Requests in mode auto with one reply, whose mode the model and no policy chose."},
          "think_rate": {"type": ["number", "null"], "minimum": 0, "maximum": 1,
            "description": "Of the decided requests, those that thought."},
          "tokens_per_answer": \#(Self.schema("Figure")), "seconds_per_answer": \#(Self.schema("Figure")),
          \#(measures.joined(separator: ",\n          ")),
          "finish": {"type": "object", "required": ["stop", "length", "tool_calls"],
            "additionalProperties": \#(Self.schema("Count"))},
          "thought_ends": {"type": "object", "required": ["natural", "budget", "loop", "length"],
            "additionalProperties": \#(Self.schema("Count"))}}
      },
      "Savings": {
        "type": "object", "description": "Of requests in mode auto against always thinking, estimated from shadows.",
        "required": ["requests", "shadowed", "confidence", "tokens", "seconds", "reason", "shadow"],
        "properties": {
          "requests": {"type": "integer", "minimum": 0,
            "description": "Decided requests that came while shadows were drawn; the estimate is of them."},
          "shadowed": {"type": "integer", "minimum": 0, "description": "Of those that did not think, how many were answered again."},
          "confidence": {"const": 0.95},
          "tokens": \#(Self.schema("SavingsEstimate")), "seconds": \#(Self.schema("SavingsEstimate")),
          "reason": {"type": ["string", "null"], "description": "Why there is no estimate."},
          "shadow": {"type": "object", "required": ["requests", "tokens", "seconds"], "description": "What the shadows cost.",
            "properties": {
              "requests": \#(Self.schema("Count")), "tokens": \#(Self.schema("Count")), "seconds": {"type": "number", "minimum": 0}}}}
      },
      "SavingsEstimate": {
        "anyOf": [{"type": "null"}, {
          "type": "object", "required": ["saved", "low", "high", "per_request", "share", "share_low", "share_high"],
          "properties": {
            "saved": {"type": "number"}, "low": {"type": "number"}, "high": {"type": "number"}, "per_request": {"type": "number"},
            "share": {"type": "number", "description": "Of what always thinking would have taken."},
            "share_low": {"type": "number"}, "share_high": {"type": "number"}}}]
      },
      "LedgerState": {
        "type": "object",
        "required": ["state", "reason", "rows", "oldest", "written", "dropped", "lost", "lost_is_exact", "pending", "bytes"],
        "properties": {
          "state": {"enum": ["ok", "degraded", "closed"]}, "reason": {"type": ["string", "null"]},
          "rows": \#(Self.schema("Count")), "oldest": {"anyOf": [{"type": "null"}, \#(Self.schema("Moment"))]},
          "written": \#(Self.schema("Count")), "dropped": \#(Self.schema("Count")),
          "lost": {"type": "integer", "minimum": 0, "description": "Rows that the last process had taken when it was killed."},
          "lost_is_exact": {"type": "boolean", "description": "False when more may be lost: the machine went down, or the count beside the file."},
          "pending": \#(Self.schema("Count")), "bytes": \#(Self.schema("Count"))}
      }
      """#
  }
}
