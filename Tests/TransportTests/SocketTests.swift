import Dispatch
import Glibc
import Synchronization
import Testing
import Transport

@Suite struct `Sockets` {
  @Test(arguments: [
    ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("2001:DB8:0:0::1", "2001:db8::1"),
  ])
  func `addresses are formatted, and mapped ones as IPv4`(host: String, text: String) throws {
    let address = try #require(try SocketAddress.resolve(host: host, port: 8080).first)
    #expect(address.host == text)
    #expect(address.port == 8080)
    #expect(address.isIPv6 == host.contains(":"))
  }

  @Test func `localhost resolves to both families, IPv4 first`() throws {
    #expect(try SocketAddress.resolve(host: "localhost", port: 1).map(\.host) == ["127.0.0.1", "::1"])
  }

  @Test(arguments: [("127.0.0.1", -1), ("127.0.0.1", 65536), ("", 1), ("a\u{0}b", 1)])
  func `an invalid address is rejected`(host: String, port: Int) {
    #expect(throws: TransportError.self) { try SocketAddress.resolve(host: host, port: port) }
  }

  @Test func `a port in use is reported with address and reason`() throws {
    let queue = DispatchQueue(label: "test")
    let address = try #require(try SocketAddress.resolve(host: "127.0.0.1", port: 0).first)
    let first = try Listener(address, queue: queue) { socket, _ in _ = consume socket }
    defer { first.close() }
    var taken = address
    taken.port = first.address.port
    do {
      _ = try Listener(taken, queue: queue) { socket, _ in _ = consume socket }
      Issue.record("bound twice")
    } catch {
      #expect(error.code == EADDRINUSE)
      #expect(error.description == "cannot bind 127.0.0.1:\(first.address.port): Address already in use")
    }
  }

  @Test func `a descriptor is closed when destroyed and stays open when released`() {
    var pair: [Int32] = [0, 0]
    #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
    do {
      let kept = SocketDescriptor(owning: pair[0])
      _ = kept.release()
    }
    #expect(fcntl(pair[0], F_GETFD) >= 0)
    do {
      let peer = SocketDescriptor(owning: pair[0])
      #expect(peer.send(UnsafeRawBufferPointer(start: nil, count: 0)) == .moved(0))
    }
    var byte: UInt8 = 0
    #expect(recv(pair[1], &byte, 1, 0) == 0)
    let rest = SocketDescriptor(owning: pair[1])
    #expect(withUnsafeBytes(of: byte) { rest.send($0) } == .failed(EPIPE))
  }
}
