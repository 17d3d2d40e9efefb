// Every setting of the server. A new one is a line here and a property where it is used; docs/configuration.md is checked
// against this table by a test.

import JSON

extension Setting {
  private static let gigabyte = 1 << 30

  /// All settings, in the order of the documentation.
  package static let all: [Setting] = [
    Setting(
      "model.path", .string, "Models/r-tiny",
      "Directory in Hugging Face layout, GGUF file, or directory of GGUF files, relative to config.json."),
    Setting(
      "model.mmproj", .optionalString, nil,
      "Vision file of a GGUF file, relative to config.json; null takes `mmproj-NAME.gguf` beside `NAME.gguf`."),
    Setting(
      "model.quantize", .optionalChoice(["q4_k_m", "q4_0", "q5_k_m", "q6_k", "q8_0"]), nil,
      "Type that weights of 16 or 32 bits are rounded to while they are loaded; null keeps them as they are."),
    Setting(
      "model.vision_type", .choice(["auto", "stored", "q8_0"]), "auto",
      "What tower and projector are in memory; auto is q8_0 where the decoder is quantised, else as they are stored."),
    Setting(
      "model.name", .optionalString, nil,
      "Name that clients send as `model`; null takes the directory's or file's name."
    ),

    Setting("server.host", .string, "127.0.0.1", "Address to listen on. Beyond loopback an API key is required."),
    Setting(
      "server.port", .optionalInteger(0...65535), 8080,
      "TCP port without TLS; 0 lets the system choose one, null opens none."),
    Setting(
      "server.unix_socket", .optionalString, nil,
      "Path of a Unix-domain socket to listen on too, relative to config.json; null opens none."),
    Setting("server.unix_socket_mode", .fileMode, "660", "Permissions of the Unix-domain socket's file."),
    Setting("server.insecure", .bool, false, "Allow a public address without an API key."),
    Setting(
      "server.allowed_hosts", .hostNames, [],
      "Host names accepted on loopback besides localhost, 127.0.0.1 and [::1] (guards against DNS rebinding)."),
    Setting(
      "server.cors_origins", .origins, [],
      "Origins whose pages may call from a browser; `*` allows all, an empty list turns CORS off."),
    Setting(
      "server.public", .optionalString, "Public",
      "Directory of static files, relative to config.json; null serves none. The default may be missing, a directory that is set must exist."
    ),

    Setting(
      "tls.port", .optionalInteger(0...65535), nil,
      "TCP port with TLS; 0 lets the system choose one, null opens none."),
    Setting(
      "tls.certificate", .optionalString, nil,
      "PEM file of the certificate chain, the server's own first, relative to config.json; SIGHUP reads it again."),
    Setting(
      "tls.key", .optionalString, nil,
      "PEM file of the certificate's private key, without passphrase, relative to config.json."),

    Setting(
      "auth.keys_file", .optionalString, nil,
      "File with one API key a line as `name:key`; R4B_API_KEY adds one named `default`."),

    Setting(
      "auth.policies_file", .optionalString, nil,
      "JSON file that says per key which modes are forced or forbidden and how many tokens a reply may take, relative to config.json."
    ),

    Setting("http.max_connections", .integer(1...100_000), 10_000, "Open connections at once."),
    Setting(
      "http.max_connections_per_address", .integer(1...100_000), 10_000,
      "Open connections from one address; those of the Unix-domain socket have none and are not counted here."),
    Setting("http.max_head_bytes", .integer(1024...1_048_576), 16_384, "Bytes of request line and header fields."),
    Setting("http.max_body_bytes", .integer(1024...gigabyte), 67_108_864, "Bytes of a request body."),
    Setting(
      "http.max_buffered_bytes", .integer(2048...(1 << 40)), 536_870_912,
      "Bytes of all request bodies received or worked on at once, at least twice max_body_bytes; beyond it requests get 503."
    ),
    Setting("http.head_timeout_s", .number(0.1...3600), 10, "Seconds for a request's head to arrive."),
    Setting("http.body_timeout_s", .number(0.1...3600), 60, "Seconds for a request's body to arrive."),
    Setting(
      "http.idle_timeout_s", .number(0.1...86_400), 75, "Seconds that a kept-alive connection may wait for a request."),
    Setting(
      "http.write_timeout_s", .number(0.1...3600), 30,
      "Seconds without progress, or behind http.min_send_bytes_per_s, before a slow reader is cut off."),
    Setting(
      "http.max_unsent_bytes", .integer(1_048_576...(1 << 40)), 268_435_456,
      "Bytes of all responses that wait for their readers at once; beyond it the slowest readers are cut off, then responses are 503."
    ),
    Setting(
      "http.min_send_bytes_per_s", .integer(1...gigabyte), 8192,
      "Bytes a second that a reader must take, on the mean of the time in which a response waits for it."),
    Setting(
      "http.request_cpu_s", .number(0.1...3600), 20,
      "Seconds of processor time to read and prepare one request: its JSON, texts, images and schemas; beyond it the request gets 400."
    ),

    Setting("images.max_count", .integer(0...256), 8, "Images in one request."),
    Setting("images.max_bytes", .integer(1024...gigabyte), 33_554_432, "Bytes of one encoded image."),
    Setting(
      "images.max_pixels", .integer(1...1_000_000_000), 50_000_000, "Pixels of one image, checked before decoding."),
    Setting(
      "images.remote", .strings, [],
      "Hosts that images may be fetched from, as `[http://]HOST[:PORT]` or `*.DOMAIN`, https without a scheme; empty fetches none."
    ),
    Setting(
      "images.remote_networks", .strings, [],
      "Networks that are not public (`10.1.0.0/16`, `::1`) and to which names of images.remote may lead all the same."),
    Setting(
      "images.remote_timeout_s", .number(0.1...600), 20,
      "Seconds for all images of a request to be fetched, waiting in line included."),
    Setting(
      "images.remote_ca_file", .optionalString, nil,
      "PEM file of the authorities that vouch for those hosts, relative to config.json; null takes the system's."),
    Setting(
      "images.root", .optionalString, nil,
      "Directory below which `file:` images are read, relative to config.json; null reads none."),

    Setting(
      "generation.thinking_mode", .choice(["auto", "long", "short"]), "auto", "Mode of requests that do not choose one."
    ),
    Setting(
      "generation.max_tokens", .optionalInteger(1...1_000_000), nil,
      "Generated tokens of requests that do not say, at most what the context leaves; null is 8192, as in R-4B's evaluation."
    ),

    Setting(
      "generation.thinking_budget", .optionalInteger(0...1_000_000), nil,
      "Thinking tokens of requests that do not say; null lets a thought take what the reply has, but for the reserve."),
    Setting(
      "generation.answer_reserve", .integer(0...1_000_000), 512,
      "Tokens of a reply's limit, a quarter of it at most, that a thought leaves to the answer."),
    Setting("generation.stop_loops", .bool, true, "Close a thought that repeats itself."),
    Setting(
      "generation.low_effort_bias", .number(-100...100), 2,
      "Logits against thinking that `reasoning_effort: low` stands for."),
    Setting(
      "generation.minimal_effort_bias", .number(-100...100), 4,
      "Logits against thinking that `reasoning_effort: minimal` stands for."),

    Setting(
      "scheduling.threads", .optionalInteger(1...1024), nil,
      "Worker threads; null takes the cores this process may use."),
    Setting("scheduling.max_running", .integer(1...1024), 8, "Sequences decoding together."),
    Setting(
      "scheduling.max_idle", .integer(1...1024), 32,
      "Sequences of idle requests (rollouts, shadows, `service_tier: flex`) that run together while no other does."),
    Setting("scheduling.max_waiting", .integer(0...100_000), 256, "Requests waiting; further ones get 429."),
    Setting(
      "scheduling.kv_tokens", .optionalInteger(16...100_000_000), nil,
      "Positions in the KV cache over all sequences; null takes half of the available memory."),
    Setting(
      "scheduling.kv_type", .choice(["auto", "f32", "f16", "q8_0"]), "auto",
      "What cached keys and values are rounded to; auto is f32 for weights in f32, else f16. q8_0 takes heads in multiples of 32."
    ),
    Setting(
      "scheduling.prefill_chunk", .integer(1...4096), 256, "Prompt positions processed in one step at most."),
    Setting(
      "scheduling.max_stall_ms", .number(1...600_000), 300,
      "Milliseconds that prompts and images of others may hold up a running reply between two tokens."),
    Setting(
      "scheduling.brief_seats", .integer(0...1023), 1,
      "Of max_running, slots kept for requests whose replies have at most 256 tokens together (n × limit): they do not wait for long thoughts."
    ),
    Setting(
      "scheduling.prefix_cache_mb", .optionalInteger(0...100_000_000), nil,
      "MB of the KV cache that ended requests may keep for prompts that begin alike; null is all that running ones leave, 0 none."
    ),
    Setting(
      "scheduling.image_cache_mb", .integer(0...100_000_000), 256,
      "MB of images' features that are kept; 0 keeps none."
    ),
    Setting(
      "scheduling.reply_timeout_s", .optionalNumber(0.1...86_400), nil,
      "Seconds from a request's arrival to the end of its reply, then it fails with 503; null: as long as it takes."),

    Setting(
      "ledger.path", .optionalString, "Data/ledger.sqlite",
      "SQLite file with one row an answered request, never text, for /v1/usage and the dashboard, relative to config.json; null keeps none."
    ),
    Setting(
      "ledger.retention_days", .optionalInteger(1...36_500), 400,
      "Days that rows are kept, whole UTC days; null: for ever."),
    Setting(
      "ledger.max_mb", .optionalInteger(1...1_000_000), 4096,
      "MB of the file beyond which the oldest days are removed; null: no bound."),
    Setting(
      "shadow.fraction", .number(0...1), 0,
      "Share of the requests in mode auto that are answered again in the other mode, unseen and while nothing else runs, to measure what thinking saves and costs."
    ),

    Setting("shutdown.grace_s", .number(0...3600), 30, "Seconds that running requests get after SIGTERM."),

    Setting(
      "metrics.vllm_aliases", .bool, true,
      "Tell numbers in /metrics again under vLLM's names, which existing dashboards read; `promtool check metrics` dislikes their colons."
    ),
    Setting("log.requests", .bool, true, "Write one JSON line a request to standard error."),
    Setting(
      "api.reasoning_field", .choice(["reasoning_content", "reasoning", "both"]), "reasoning_content",
      "Name of the thought in replies."),
  ]

  /// The setting at `path`.
  package static func named(_ path: String) -> Setting? { all.first { $0.path == path } }
}
