// The usage ledger, shadow requests, shutdown, metrics, log and reply format.

/// Section `ledger`.
package struct LedgerSettings: Sendable {
  package let path = Setting<String?>(
    "ledger.path", default: "Data/ledger.sqlite",
    "SQLite file with one row per answered request (no text) for /v1/usage and the dashboard, relative to config.json; null writes none."
  )
  package let retentionDays = Setting<Int?>(
    "ledger.retention_days", in: 1...36_500, default: 400,
    "Whole UTC days for which rows are kept; null sets no limit.")
  package let maxMB = Setting<Int?>(
    "ledger.max_mb", in: 1...1_000_000, default: 4096,
    "MB of the file beyond which the oldest days are deleted; null sets no limit.")
}

/// Section `shadow`.
package struct ShadowSettings: Sendable {
  package let fraction = Setting<Double>(
    "shadow.fraction", in: 0...1, default: 0,
    "Share of the requests in mode auto that the idle server answers again in the other mode, to measure what thinking saves and costs."
  )
}

/// Section `shutdown`.
package struct ShutdownSettings: Sendable {
  package let grace = Setting<Duration>(
    "shutdown.grace_s", seconds: 0...3600, default: 30,
    "Seconds that running requests get after SIGTERM.")
}

/// Section `metrics`.
package struct MetricsSettings: Sendable {
  package let vLLMAliases = Setting<Bool>(
    "metrics.vllm_aliases", default: true,
    "Repeat metrics in /metrics under vLLM's names, which existing dashboards read; `promtool check metrics` rejects their colons."
  )
}

/// Section `log`.
package struct LogSettings: Sendable {
  package let requests = Setting<Bool>(
    "log.requests", default: true,
    "Write one JSON line per request to standard error.")
}

/// Section `api`.
package struct APISettings: Sendable {
  package let reasoningField = Setting<String>(
    "api.reasoning_field", oneOf: ["reasoning_content", "reasoning", "both"], default: "reasoning_content",
    "Name of the thinking text in replies.")
}
