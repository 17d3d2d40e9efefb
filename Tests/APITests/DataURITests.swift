import API
import Chat
import GenerationTypes
import Synchronization
import Testing

@Suite struct `Images in data URIs` {
  /// The bytes of the one image of a request whose URL is `url`; nil when the request is rejected.
  private func bytes(_ url: String) async throws -> [UInt8]? {
    let server = TestServer()
    let answer = try await server.post(
      #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"\#(url)"}}]}]}"#)
    guard answer.status == 200, let part = server.chat.seen.withLock({ $0.first?.messages.first?.parts.first }),
      case .image(let bytes, _, _) = part
    else { return nil }
    return bytes
  }

  @Test(
    arguments: [
      ("data:image/png;base64,/+8=", [0xFF, 0xEF]), ("DATA:IMAGE/PNG;BASE64,/+8=", [0xFF, 0xEF]),
      ("data:image/jpeg;charset=utf-8;base64,AAEC", [0, 1, 2]), ("data:image/webp;base64,AAE", [0, 1]),
      ("data:image/gif;base64,AA", [0]), ("data:image/png;base64,AA\\nEC AA==", [0, 1, 2, 0]),
      ("data:image/png;base64,%2F%2b8%3D", [0xFF, 0xEF]), ("data:image/png,%89PNG", [0x89, 0x50, 0x4E, 0x47]),
      // The media type is ignored.
      ("data:;base64,AAEC", [0, 1, 2]), ("data:image;base64,AAEC", [0, 1, 2]),
      ("data:text/html;base64,AAEC", [0, 1, 2]),
      ("data:application/octet-stream;base64,AAEC", [0, 1, 2]), ("data:image/x-icon; base64,AAEC", [0, 1, 2]),
      ("data:image/png;name=a.png;charset=utf-8;BASE64,AAEC", [0, 1, 2]), ("data:,%89P", [0x89, 0x50]),
      // URL-safe alphabet, every kind of line break, missing and escaped padding.
      ("data:image/png;base64,_-8=", [0xFF, 0xEF]), ("data:image/png;base64,_-8", [0xFF, 0xEF]),
      ("data:image/png;base64,AA\\r\\nEC\\r\\n", [0, 1, 2]), ("data:image/png;base64, AA\\t EC ", [0, 1, 2]),
      ("data:image/png;base64,AA%0D%0AEC%20", [0, 1, 2]), ("data:image/png;base64,%5F%2D8", [0xFF, 0xEF]),
      ("data:image/png;base64,AAECAA==\\n", [0, 1, 2, 0]),
    ] as [(String, [UInt8])])
  func `valid URIs decode to their bytes`(url: String, expected: [UInt8]) async throws {
    #expect(try await bytes(url) == expected)
  }

  @Test(arguments: ["A", "AAAAA", "====", "A===", "AA=", "AAA==", "AA AA=A=", "AAAAé"])
  func `malformed base64 is rejected`(payload: String) async throws {
    #expect(try await bytes("data:image/png;base64," + payload) == nil)
  }

  @Test func `every length and every byte value is decoded`() async throws {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    for length in [1, 2, 3, 4, 5, 255, 256, 257] {
      let original = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
      // An independent encoder, bit by bit.
      let bits = original.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }
      var text = ""
      for start in stride(from: 0, to: bits.count, by: 6) {
        text.append(alphabet[(0..<6).reduce(0) { $0 << 1 | Int(start + $1 < bits.count ? bits[start + $1] : 0) }])
      }
      while text.utf8.count % 4 != 0 { text += "=" }
      #expect(try await bytes("data:image/png;base64," + text) == original)
    }
  }
}
