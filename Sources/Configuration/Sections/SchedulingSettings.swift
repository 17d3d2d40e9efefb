// Threads, slots, queue and caches of the engine.

/// Section `scheduling`.
package struct SchedulingSettings: Sendable {
  package let threads = Setting<Int?>(
    "scheduling.threads", in: 1...1024, default: nil,
    "Worker threads; null takes the cores that this process may use.")
  package let maxRunning = Setting<Int>(
    "scheduling.max_running", in: 1...1024, default: 8,
    "Interactive sequences that run at once.")
  package let maxBatchRequests = Setting<Int>(
    "scheduling.max_batch_requests", formerly: "scheduling.max_idle", in: 1...1024, default: 32,
    "Batch and shadow sequences (rollouts, `service_tier: flex`) that run at once while no interactive one runs.")
  package let maxWaiting = Setting<Int>(
    "scheduling.max_waiting", in: 0...100_000, default: 256,
    "Requests in the queue; further requests get 429.")
  package let kvTokens = Setting<Int?>(
    "scheduling.kv_tokens", in: 16...100_000_000, default: nil,
    "Positions in the KV cache over all sequences; null takes half of the available memory.")
  package let kvType = Setting<String>(
    "scheduling.kv_type", oneOf: ["auto", "f32", "f16", "q8_0"], default: "auto",
    "Type of cached keys and values; auto is f32 for weights in f32, else f16. q8_0 requires head dimensions in multiples of 32."
  )
  package let prefillChunk = Setting<Int>(
    "scheduling.prefill_chunk", in: 1...4096, default: 256,
    "Prompt positions processed in one step.")
  package let maxStall = Setting<Duration>(
    "scheduling.max_stall_ms", milliseconds: 1...600_000, default: 300,
    "Milliseconds for which prompts and images of other requests may delay the next token of a running reply.")
  package let shortRequestSlots = Setting<Int>(
    "scheduling.short_request_slots", formerly: "scheduling.brief_seats", in: 0...1023, default: 1,
    "Slots of max_running reserved for short requests (at most 256 reply tokens over all choices), so that they do not wait for long ones."
  )
  package let prefixCacheMB = Setting<Int?>(
    "scheduling.prefix_cache_mb", in: 0...100_000_000, default: nil,
    "MB of the KV cache for prefixes of finished requests; null allows all that running requests leave, 0 turns the prefix cache off."
  )
  package let imageCacheMB = Setting<Int>(
    "scheduling.image_cache_mb", in: 0...100_000_000, default: 256,
    "MB of the image feature cache; 0 turns it off.")
  package let replyTimeout = Setting<Duration?>(
    "scheduling.reply_timeout_s", seconds: 0.1...86_400,
    "Seconds from a request's arrival to the end of its reply; later it fails with 503. Null sets no limit.")
}
