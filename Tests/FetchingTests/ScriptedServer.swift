import Foundation
import Synchronization
import Testing

/// A web server on 127.0.0.1 that answers from a script, with a thread per connection. It ends with the test.
final class ScriptedServer: Sendable {
  /// The actions of a script after the head of a request has arrived. `send` returns false once the peer has left.
  struct Exchange {
    let path: String
    let head: String
    fileprivate let socket: Int32

    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) -> Bool {
      bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) == $0.count }
    }

    /// Sends a complete response.
    func reply(_ status: Int, _ fields: [String] = [], _ body: String = "") {
      _ = send(
        (["HTTP/1.1 \(status) X", "Content-Length: \(body.utf8.count)"] + fields).joined(separator: "\r\n")
          + "\r\n\r\n\(body)")
    }

    /// Waits until the peer has left.
    func waitForEnd() {
      var byte: UInt8 = 0
      while recv(socket, &byte, 1, 0) > 0 {}
    }
  }

  private let listener: Int32
  let port: UInt16
  /// The heads of the received requests.
  let heads = Mutex<[String]>([])
  /// The number of connections whose script has not ended.
  let open = Atomic(0)

  init(_ script: @escaping @Sendable (Exchange) -> Void) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    try #require(bound)
    (self.listener, port) = (listener, UInt16(bigEndian: address.sin_port))
    Thread.detachNewThread { [weak self] in
      while true {
        let peer = accept(listener, nil, nil)
        if peer < 0 { return }
        guard let server = self else {
          close(peer)
          return
        }
        server.open.add(1, ordering: .sequentiallyConsistent)
        Thread.detachNewThread {
          server.serve(peer, script)
          server.open.subtract(1, ordering: .sequentiallyConsistent)
        }
      }
    }
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  var count: Int { heads.withLock { $0.count } }

  private func serve(_ peer: Int32, _ script: (Exchange) -> Void) {
    defer { close(peer) }
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      if recv(peer, &byte, 1, 0) != 1 { return }
      bytes.append(byte)
    }
    let head = String(decoding: bytes, as: UTF8.self)
    heads.withLock { $0.append(head) }
    script(
      Exchange(path: head.split(separator: " ").dropFirst().first.map(String.init) ?? "", head: head, socket: peer))
  }
}
