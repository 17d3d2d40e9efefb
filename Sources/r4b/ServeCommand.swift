// `r4b serve`: loads the model, opens the ports, serves until a signal.
import API
import ArgumentParser
import Chat
import Configuration
import Fetching
import Foundation
import GenerationTypes
import HTTP
import JSON
import Ledger
import ModelFiles
import Scheduling
import Telemetry
import Tokenization
import Transport

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serves the model over HTTP with OpenAI's chat API.",
    discussion: "Settings come from config.json, then R4B_* variables, then flags. See docs/configuration.md.")

  @OptionGroup var options: SettingsOptions

  @Option(help: "Address to listen on; beyond loopback an API key is required.")
  var host: String?

  @Option(help: "TCP port without TLS; 0 lets the system choose one.")
  var port: String?

  func run() async throws {
    ProcessPreparation.survivesFailedWrites()
    try await reportingErrors { try await serve() }
  }

  private func serve() async throws {
    let (settings, base) = try options.load(
      flags: [("server.host", host, "--host"), ("server.port", port, "--port")])
    let keys = try APIKeys(settings, base)
    let places = try ListeningPlaces(settings, base)
    if places.isPublic, keys.isEmpty, !settings.bool("server.insecure") {
      throw ConfigurationError(
        "server.host \(places.host) is reachable from other machines and there is no API key: set R4B_API_KEY or "
          + "auth.keys_file, or server.insecure=true to serve without one")
    }
    let surface = try Surface(settings, base, keys, places)
    var limits = try Self.limits(settings)
    DescriptorLimit.raise()
    let hangUps = await Self.hangUps(places.tls?.identity)
    let started = ContinuousClock.now
    note("Loading \(settings.string("model.path")) …")
    let loaded = try await LoadedModel(settings: settings, base: base, progress: LoadingProgress().show)
    let duration = (ContinuousClock.now - started).formatted(
      .units(allowed: [.seconds], fractionalPart: .show(length: 2)))
    note("Loaded \(loaded.name) in \(duration): \(loaded.memory).")

    let engine = loaded.engine
    let log = JSONLog(level: settings.bool("log.requests") ? .info : .warning)
    let metrics = ServerMetrics(
      model: loaded.name, version: R4B.version, aliases: settings.bool("metrics.vllm_aliases")
    ) { LoadSample(engine.load) }
    LogMetrics.register(log, in: metrics.registry)
    let ledger = Ledger(settings, base)
    if let ledger {
      LedgerMetrics.register(ledger, in: metrics.registry)
      ledger.report(to: log)
    }
    WorkMetrics.register(loaded.work, in: metrics.registry)
    let api = APIServer(
      configuration: surface.configuration(settings, loaded), chat: loaded.chat,
      engine: engine, metrics: metrics, log: log, ledger: ledger)
    Self.leaveDescriptors(&limits)
    let server = HTTPServer(
      limits: limits, errorResponse: ConnectionEvents.errorResponse,
      observer: ConnectionEvents(metrics: metrics, log: log), admit: api.admit)
    let signals = await Signals()
    try places.open(on: server) { note("Listening on \($0)") }

    await signals.first()
    let grace = settings.seconds("shutdown.grace_s")
    note("Stopping: running requests get \(settings.double("shutdown.grace_s")) s; a second signal stops at once.")
    api.drain()
    let end = ContinuousClock.now + grace
    await server.drain()
    await engine.shutdown(grace: grace)
    // The engine has told every reply how it ended; what is left is to hand that over.
    await server.shutdown(grace: max(end - .now, Self.handover))
    log.flush()
    ledger?.closeReporting()
    log.flush()
    withExtendedLifetime((signals, hangUps)) {}
  }

  /// Time that clients have for the last bytes of replies that the grace has cut off.
  private static let handover = Duration.seconds(2)

  /// Reads the certificate again at each SIGHUP. Without one the signal is only kept from ending a service; to a server at a
  /// terminal it is the terminal's end, and its own.
  private static func hangUps(_ identity: TLSIdentity?) async -> HangUps? {
    guard let identity else {
      return HangUps.comeFromTerminal ? nil : await HangUps { note("SIGHUP: there is no certificate to reload.") }
    }
    return await HangUps {
      do throws(TLSError) {
        try identity.reload()
        note("Reloaded \(identity.certificate): new connections get this certificate.")
      } catch {
        note("error: the certificate was not reloaded and the one in use stays: \(error)")
      }
    }
  }

  /// Keeps connections from taking the descriptors that files, the ledger and fetched images need.
  private static func leaveDescriptors(_ limits: inout HTTPLimits) {
    let limit = DescriptorLimit.current
    let most = DescriptorLimit.connections(limit: limit, used: DescriptorLimit.openCount)
    guard most < limits.connections else { return }
    note(
      "Warning: http.max_connections is \(limits.connections), but this process may open \(limit) descriptors: at most \(most) "
        + "connections are accepted. Raise the limit (`ulimit -n`, systemd's LimitNOFILE) or lower the setting.")
    limits.connections = most
  }

  private static func limits(_ settings: Settings) throws(ConfigurationError) -> HTTPLimits {
    var limits = HTTPLimits()
    limits.headBytes = settings.int("http.max_head_bytes")
    limits.bodyBytes = settings.int("http.max_body_bytes")
    limits.bufferedBodyBytes = settings.int("http.max_buffered_bytes")
    guard limits.bufferedBodyBytes / 2 >= limits.bodyBytes else {
      throw ConfigurationError(
        "http.max_buffered_bytes is \(limits.bufferedBodyBytes), at least twice http.max_body_bytes, "
          + "\(limits.bodyBytes), is needed")
    }
    limits.headTimeout = settings.seconds("http.head_timeout_s")
    limits.bodyTimeout = settings.seconds("http.body_timeout_s")
    limits.idleTimeout = settings.seconds("http.idle_timeout_s")
    limits.writeTimeout = settings.seconds("http.write_timeout_s")
    limits.allUnsentBytes = settings.int("http.max_unsent_bytes")
    limits.sendBytesPerSecond = settings.int("http.min_send_bytes_per_s")
    limits.connections = settings.int("http.max_connections")
    limits.connectionsPerAddress = settings.int("http.max_connections_per_address")
    return limits
  }
}
