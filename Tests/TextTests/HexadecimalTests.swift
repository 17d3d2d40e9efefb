import Testing
import Text

@Suite struct `Hexadecimal digits` {
  @Test func `every byte has the right value or none`() {
    for byte in UInt8.min...UInt8.max {
      let expected = byte < 0x80 ? Character(UnicodeScalar(byte)).hexDigitValue : nil
      #expect(Hexadecimal.value(of: byte).map(Int.init) == expected)
    }
  }

  @Test func `bytes have two digits each`() {
    #expect(Hexadecimal.text(of: [0x00, 0x0F, 0xA0, 0xFF]) == "000fa0ff")
    #expect(Hexadecimal.text(of: []) == "")
  }

  @Test func `a number is padded with zeros but never truncated`() {
    #expect(Hexadecimal.text(of: 0x1F as UInt32, width: 4) == "001f")
    #expect(Hexadecimal.text(of: 0x12345 as UInt32, width: 4) == "12345")
    #expect(Hexadecimal.text(of: UInt64.max, width: 16) == "ffffffffffffffff")
  }
}
