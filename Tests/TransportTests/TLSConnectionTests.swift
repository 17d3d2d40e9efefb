import COpenSSL
import Foundation
import TLSTestSupport
import Testing
import Transport

private let certificate = TestCertificate()

private func context() throws -> TLSContext {
  try TLSContext(certificate: certificate.certificate, key: certificate.key)
}

/// Returns bytes without a pattern, so that a lost or repeated piece is detected.
private func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt8(truncatingIfNeeded: state >> 33)
  }
}

@Suite(.timeLimit(.minutes(10))) struct `Connections over TLS` {
  @Test(arguments: [(TLS1_2_VERSION, "TLSv1.2", 1), (TLS1_3_VERSION, "TLSv1.3", 1), (TLS1_3_VERSION, "TLSv1.3", 1000)])
  func `bytes pass both ways, in pieces of any size`(number: Int32, name: String, pieces: Int) async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket, trusting: certificate.certificate, versions: number...number)
    peer.pieceSize = pieces
    #expect(await peer.handshake() == nil)
    #expect(peer.version == name && peer.chosenProtocol == "http/1.1" && peer.serverName == "/CN=localhost")
    let (up, down) = (noise(100_000), noise(3_000_000, seed: 2))
    await peer.send(up)
    #expect(await end.eventually { $0.received.count == up.count })
    #expect(end.on { $0.received } == up)
    end.send(down)
    #expect(await peer.read { $0.count >= down.count } == down)
    #expect(await end.eventually { $0.unsentBytes == 0 })
    #expect(end.on { $0.failure } == nil)
  }

  @Test func `the delegate does not see the handshake`() async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket)
    #expect(await peer.handshake() == nil)
    await peer.send("x")
    #expect(await end.eventually { $0.received.count == 1 })
    #expect(end.on { $0.sentCalls == 0 && $0.unsentBytes == 0 })
  }

  @Test func `bytes queued before the handshake wait for it and count as unsent`() async throws {
    let end = LoopEnd(tls: try context())
    end.send(Array("early".utf8))
    #expect(end.on { $0.unsentBytes } == 5)
    let peer = TLSPeer(end.peerSocket)
    #expect(await peer.handshake() == nil)
    #expect(await peer.readText { $0.utf8.count >= 5 } == "early")
    #expect(await end.eventually { $0.unsentBytes == 0 })
  }

  @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
  func `for a stalled reader all bytes count as unsent and few are encrypted`(version: Int32) async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket, versions: version...version)
    #expect(await peer.handshake() == nil)
    let bytes = noise(8 << 20)
    end.send(bytes)
    // The kernel's buffer is full. At most 64 KiB are encrypted, which adds 22 or 29 bytes per record.
    let unsent = end.on { $0.unsentBytes }
    #expect((6 << 20...bytes.count).contains(unsent))
    #expect(end.on { $0.sentCalls } == 1)
    #expect(await peer.read { $0.count >= bytes.count } == bytes)
    #expect(await end.eventually { $0.unsentBytes == 0 })
  }

  @Test(arguments: [false, true]) func `reading can resume while writing waits`(isSecure: Bool)
    async throws
  {
    let end = LoopEnd(tls: isSecure ? try context() : nil)
    let peer = TLSPeer(end.peerSocket)
    if isSecure { #expect(await peer.handshake() == nil) }
    end.send(noise(2 << 20))
    #expect(end.on { $0.unsentBytes > 0 })
    for round in 1...20 {
      end.on { $0.isPaused = true }
      end.on { $0.isPaused = false }
      if isSecure { await peer.send("x") } else { await peer.sendRaw([0x78]) }
      try #require(await end.eventually { $0.received.count == round })
    }
  }

  @Test func `a pause holds received bytes without losing or reordering them`() async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket)
    #expect(await peer.handshake() == nil)
    // Each piece pauses reading, in the middle of the bytes of one read.
    end.on {
      $0.readSize = 256 << 10
      $0.onReceived = { end, _ in end.isPaused = true }
    }
    let bytes = noise(200_000)
    async let sending: Void = peer.send(bytes)
    var before = 0
    while before < bytes.count {
      try #require(await end.eventually { $0.received.count > before })
      let now = end.on { $0.received.count }
      #expect(now - before <= 16 << 10)
      #expect(end.on { $0.isPaused })
      before = now
      end.on { $0.isPaused = false }
    }
    await sending
    peer.endWriting()
    #expect(await end.eventually { $0.hasEnded })
    #expect(end.on { $0.received } == bytes)
  }

  @Test func `an end behind held bytes is reported after them`() async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket)
    #expect(await peer.handshake() == nil)
    end.on { $0.onReceived = { end, _ in end.isPaused = true } }
    await peer.send(noise(1000))
    #expect(await end.eventually { $0.isPaused })
    let rest = noise(50_000, seed: 3)
    await peer.send(rest)
    await peer.sendClose()
    peer.endWriting()
    #expect(end.on { !$0.hasEnded && $0.received.count == 1000 })
    end.on {
      $0.onReceived = { end, _ in if end.hasEnded { end.close() } }
      $0.isPaused = false
    }
    #expect(await end.eventually { $0.hasEnded })
    #expect(end.on { $0.received.count } == 51_000)
    #expect(end.on { $0.failure } == nil)
  }

  @Test(arguments: [true, false]) func `the peer's end is reported with and without close_notify`(isOrderly: Bool)
    async throws
  {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket)
    #expect(await peer.handshake() == nil)
    await peer.send("last")
    if isOrderly { await peer.sendClose() } else { peer.endWriting() }
    #expect(await end.eventually { $0.hasEnded })
    #expect(end.on { $0.received } == Array("last".utf8))
    // The peer may still read.
    end.send(Array("answer".utf8))
    end.on { $0.endWriting() }
    #expect(await peer.readText() == "answer")
    #expect(peer.end == .closed)
  }

  @Test func `close_notify follows the last byte of a megabyte to a slow reader`() async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket)
    #expect(await peer.handshake() == nil)
    end.send(noise(1 << 20))
    end.on { $0.endWriting() }
    #expect(end.on { $0.unsentBytes > 0 })
    #expect(await peer.read().count == 1 << 20)
    #expect(peer.end == .closed)
  }

  @Test func `closing sends close_notify, unless bytes were dropped or a reset was requested`() async throws {
    for (resets, unsent, expected) in [(false, 0, TLSPeer.End.closed), (true, 0, .cut), (false, 4 << 20, .cut)] {
      let end = LoopEnd(tls: try context())
      let peer = TLSPeer(end.peerSocket)
      #expect(await peer.handshake() == nil)
      await peer.send("x")
      #expect(await end.eventually { $0.received.count == 1 })
      end.on {
        if resets { $0.resetOnClose() }
      }
      end.send(noise(unsent))
      end.on { $0.close() }
      _ = await peer.read()
      #expect(peer.end == expected)
    }
  }

  @Test func `old TLS versions are rejected with an alert`() async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket, versions: TLS1_VERSION...TLS1_1_VERSION)
    #expect(await peer.handshake() == .failed("tlsv1 alert protocol version"))
    #expect(await end.eventually { $0.failure != nil })
    #expect(end.on { $0.failure?.description } == "cannot establish TLS with the peer: unsupported protocol")
  }

  @Test(
    arguments: [
      ([], nil, nil), (["http/1.1"], "http/1.1", nil), (["h2", "http/1.1"], "http/1.1", nil),
      (["h2"], nil, TLSPeer.End.failed("tlsv1 alert no application protocol")),
      (["http/1.0", "http/1.10"], nil, .failed("tlsv1 alert no application protocol")),
    ] as [([String], String?, TLSPeer.End?)])
  func `HTTP/1.1 is the only protocol selected`(offer: [String], chosen: String?, refusal: TLSPeer.End?) async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket, offering: offer)
    #expect(await peer.handshake() == refusal)
    #expect(peer.chosenProtocol == chosen)
  }

  @Test(arguments: ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\n", "CONNECT a:1 HTTP/1.1\r\n"])
  func `a plain request is detected and can be answered`(request: String) async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket)
    await peer.sendRaw(Array(request.utf8))
    var answer = [UInt8](repeating: 0, count: 100)
    #expect(await end.eventually { $0.plainTexts == 1 })
    let count = recv(end.peerSocket, &answer, answer.count, 0)
    #expect(String(decoding: answer[..<max(0, count)], as: UTF8.self) == "plain answer")
    #expect(end.on { $0.plainTexts == 1 && $0.failure == nil })
  }

  @Test func `arbitrary bytes instead of a handshake end only this connection`() async throws {
    let context = try context()
    for seed in UInt64(0)..<200 {
      let end = LoopEnd(tls: context)
      let peer = TLSPeer(end.peerSocket)
      var bytes = noise(Int(seed * 7 % 600) + 1, seed: seed)
      // Half of them start like a TLS record.
      if seed % 2 == 0 {
        bytes.insert(contentsOf: [22, 3, UInt8(seed % 5), UInt8(seed % 3), UInt8(seed % 251)], at: 0)
      }
      await peer.sendRaw(bytes)
      peer.endWriting()
      #expect(await end.eventually { $0.failure != nil || $0.hasEnded || $0.plainTexts > 0 })
    }
  }

  @Test func `a changed byte anywhere in the client's handshake or data causes no crash`() async throws {
    let context = try context()
    for seed in UInt64(0)..<150 {
      let end = LoopEnd(tls: context)
      let peer = TLSPeer(
        end.peerSocket, versions: seed % 3 == 0 ? TLS1_2_VERSION...TLS1_2_VERSION : TLS1_2_VERSION...TLS1_3_VERSION)
      var wait = Int(seed * 5)
      peer.tamper = { bytes in
        var bytes = bytes
        if wait >= 0, wait < bytes.count { bytes[wait] ^= UInt8(1 << (seed % 8)) }
        wait -= bytes.count
        return bytes
      }
      // If a length was increased, both sides wait for each other; the deadline ends that, as in a server.
      end.on {
        $0.closesAtEnd = true
        $0.setDeadline(after: 300)
      }
      if await peer.handshake() == nil { await peer.send("data") }
      peer.endWriting()
      #expect(await end.eventually { $0.failure != nil || $0.hasEnded || $0.plainTexts > 0 })
    }
  }

  @Test func `a peer that requests new keys and reads no answers is disconnected`() async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket, versions: TLS1_3_VERSION...TLS1_3_VERSION)
    #expect(await peer.handshake() == nil)
    #expect(await peer.renewKeys(times: 50_000) == false)
    #expect(await end.eventually { $0.failure != nil })
    #expect(end.on { $0.failure?.operation } == .secure)
  }

  @Test func `a peer that reads the answers may request new keys any number of times`() async throws {
    let end = LoopEnd(tls: try context())
    let peer = TLSPeer(end.peerSocket, versions: TLS1_3_VERSION...TLS1_3_VERSION)
    #expect(await peer.handshake() == nil)
    for _ in 0..<20 {
      #expect(await peer.renewKeys(times: 5))
      end.send(Array("ok".utf8))
      #expect(await peer.readText { $0.hasSuffix("ok") } == "ok")
    }
    #expect(await end.eventually { $0.received.count == 100 })
  }
}
