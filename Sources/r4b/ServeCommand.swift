import API
import ArgumentParser
// `r4b serve`: loads the model, opens the ports, serves until a signal.
import Basics
import Chat
import Configuration
import Fetching
import Foundation
import GenerationTypes
import HTTP
import JSON
import Ledger
import ModelFiles
import ModelLoading
import Scheduling
import Telemetry
import Tokenization
import Transport

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serves the model over HTTP with OpenAI's chat API.",
    discussion: "Settings come from config.json, then R4B_* variables, then flags. See docs/configuration.md.")

  @OptionGroup var options: SettingsOptions

  @Option(help: "Address to listen on; an address other than loopback requires an API key.")
  var host: String?

  @Option(help: "TCP port without TLS; 0 lets the system choose one.")
  var port: String?

  func run() async throws {
    ProcessPreparation.survivesFailedWrites()
    try await reportingErrors { try await serve() }
  }

  private func serve() async throws {
    let (settings, base) = try options.load(
      flags: [SettingsFlag(\.server.host, host, "--host"), SettingsFlag(\.server.port, port, "--port")])
    let keys = try APIKeys(settings, base)
    let sockets = try ListeningSockets(settings, base)
    if sockets.isPublic, keys.isEmpty, !settings.server.insecure {
      throw ConfigurationError(
        "server.host \(sockets.host) is reachable from other machines, which requires an API key: set R4B_API_KEY or "
          + "auth.keys_file, or server.insecure=true to serve without a key")
    }
    let surface = try Surface(settings, base, keys, sockets)
    var limits = try Self.limits(settings)
    DescriptorLimit.raise()
    let hangUps = await Self.hangUps(sockets.tls?.identity)
    let started = ContinuousClock.now
    note("Loading \(settings.model.path) …")
    let loaded = try await LoadedModel(settings, base)
    let duration = (ContinuousClock.now - started).formatted(
      .units(allowed: [.seconds], fractionalPart: .show(length: 2)))
    note("Loaded \(loaded.name) in \(duration): \(loaded.memory).")

    let engine = loaded.engine
    let log = JSONLog(level: settings.log.requests ? .info : .warning)
    let metrics = ServerMetrics(
      model: loaded.name, version: R4B.version, aliases: settings.metrics.vLLMAliases
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
    try sockets.open(on: server) { note("Listening on \($0)") }

    await signals.first()
    let grace = settings.shutdown.grace
    note("Stopping: running requests get \(grace.seconds) s; a second signal stops at once.")
    api.drain()
    let end = ContinuousClock.now + grace
    await server.drain()
    await engine.shutdown(grace: grace)
    // Every reply has ended; the connections only have to deliver the last bytes.
    await server.shutdown(grace: max(end - .now, Self.handover))
    log.flush()
    ledger?.closeReporting()
    log.flush()
    withExtendedLifetime((signals, hangUps)) {}
  }

  /// Time for clients to receive the last bytes of replies that the shutdown has cut off.
  private static let handover = Duration.seconds(2)

  /// Reloads the certificate at each SIGHUP. Without a certificate, a service ignores the signal, and a server at a
  /// terminal ends with the terminal.
  private static func hangUps(_ identity: TLSIdentity?) async -> HangUps? {
    guard let identity else {
      return HangUps.comeFromTerminal ? nil : await HangUps { note("SIGHUP ignored: no certificate is configured.") }
    }
    return await HangUps {
      do throws(TLSError) {
        try identity.reload()
        note("Reloaded \(identity.certificate) for new connections.")
      } catch {
        note("error: cannot reload the certificate, the current one stays in use: \(error)")
      }
    }
  }

  /// Limits connections, so that descriptors remain for files, the ledger and fetched images.
  private static func leaveDescriptors(_ limits: inout HTTPLimits) {
    let limit = DescriptorLimit.current
    let most = DescriptorLimit.connections(limit: limit, used: DescriptorLimit.openCount)
    guard most < limits.connections else { return }
    note(
      "Warning: http.max_connections is \(limits.connections), but this process may open only \(limit) descriptors. The server accepts at "
        + "most \(most) connections. Raise the limit (`ulimit -n`, systemd's LimitNOFILE) or lower the setting.")
    limits.connections = most
  }

  private static func limits(_ settings: Settings) throws(ConfigurationError) -> HTTPLimits {
    var limits = HTTPLimits()
    limits.headBytes = settings.http.maxHeadBytes
    limits.bodyBytes = settings.http.maxBodyBytes
    limits.bufferedBodyBytes = settings.http.maxBufferedBytes
    guard limits.bufferedBodyBytes / 2 >= limits.bodyBytes else {
      throw ConfigurationError(
        "http.max_buffered_bytes must be at least twice http.max_body_bytes (\(limits.bodyBytes)), got "
          + "\(limits.bufferedBodyBytes)")
    }
    limits.headTimeout = settings.http.headTimeout
    limits.bodyTimeout = settings.http.bodyTimeout
    limits.idleTimeout = settings.http.idleTimeout
    limits.writeTimeout = settings.http.writeTimeout
    limits.allUnsentBytes = settings.http.maxUnsentBytes
    limits.sendBytesPerSecond = settings.http.minSendBytesPerSecond
    limits.connections = settings.http.maxConnections
    limits.connectionsPerAddress = settings.http.maxConnectionsPerAddress
    return limits
  }
}
