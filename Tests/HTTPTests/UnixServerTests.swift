import Foundation
import HTTP
import Testing

private func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n" }

@Suite(.timeLimit(.minutes(10))) struct `HTTP server on a Unix-domain socket` {
  @Test func `only the total limits peers without an address, and shutdown removes the file`() async throws {
    var limits = HTTPLimits.unhurried
    limits.connectionsPerAddress = 1
    limits.connections = 3
    let server = HTTPServer(limits: limits) {
      HTTPResponse(status: 200, body: .bytes(Array("<\($0.remoteAddress)>".utf8)))
    }
    let path = NSTemporaryDirectory() + "r4b-" + String(UInt64.random(in: 0 ... .max), radix: 36)
    try server.listen(unix: path, mode: 0o600)
    let peers = [try TestPeer(path: path), try TestPeer(path: path), try TestPeer(path: path)]
    for peer in peers {
      await peer.send(get("/"))
      #expect(await peer.read { $0.hasSuffix("<>") }.hasPrefix("HTTP/1.1 200 "))
    }
    #expect(await (try TestPeer(path: path)).read().hasPrefix("HTTP/1.1 503 "))
    // Optimised code would release the peers, and close their connections, after their last use.
    withExtendedLifetime(peers) {}
    await server.shutdown(grace: .zero)
    #expect(throws: TestPeerError.self) { try TestPeer(path: path) }
    #expect(access(path, F_OK) != 0)
  }
}
