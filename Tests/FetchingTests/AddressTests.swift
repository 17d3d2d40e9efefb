import Fetching
import Testing

@Suite struct `Addresses and networks` {
  @Test(arguments: [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e",
    "2001:4860:4860::8888",
    "2001:200::1", "3fff:1000::1",
  ])
  func `addresses of the public Internet are public`(text: String) throws {
    #expect(PublicAddress.isPublic(try #require(Network.bytes(of: text))))
  }

  @Test(arguments: [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255",
    "169.254.169.254", "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255",
  ])
  func `special IPv4 addresses are not public in any form`(text: String) throws {
    let v4 = try #require(Network.bytes(of: text))
    #expect(!PublicAddress.isPublic(v4))
    let zeros = [UInt8](repeating: 0, count: 16)
    let forms: [[UInt8]] = [
      zeros.prefix(10) + [0xFF, 0xFF] + v4,  // v4-mapped
      zeros.prefix(12) + v4,  // v4-compatible
      [0x00, 0x64, 0xFF, 0x9B] + zeros.prefix(8) + v4, [0x00, 0x64, 0xFF, 0x9B, 0, 1] + zeros.prefix(6) + v4,  // NAT64
      [0x20, 0x02] + v4 + zeros.prefix(10),  // 6to4
      [0x20, 0x01, 0, 0] + zeros.prefix(8) + v4.map { ~$0 },  // Teredo
    ]
    for form in forms { #expect(!PublicAddress.isPublic(form)) }
  }

  @Test(arguments: [
    "::", "::1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1",
    "2001:10::1",
    "2001:1ff:ffff::", "2001:db8::1", "2002:808:808::1", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1",
    "fd00:ec2::254",
    "fe80::1", "fec0::1", "ff02::1", "1fff:ffff::1",
  ])
  func `special IPv6 addresses and embedded IPv4 addresses are not public`(text: String) throws {
    #expect(!PublicAddress.isPublic(try #require(Network.bytes(of: text))))
  }

  @Test(arguments: [0, 1, 3, 5, 15, 17]) func `other lengths are not addresses`(count: Int) {
    #expect(!PublicAddress.isPublic([UInt8](repeating: 8, count: count)))
  }

  @Test(arguments: [
    ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"), ("10.1.2.3", "10.1.2.3", "10.1.2.4"), ("0.0.0.0/0", "8.8.8.8", "::1"),
    ("192.168.4.0/22", "192.168.7.255", "192.168.8.0"), ("fd00::/8", "fdff::1", "fc00::1"), ("::1", "::1", "127.0.0.1"),
    ("::ffff:10.0.0.0/104", "::ffff:10.9.9.9", "10.9.9.9"), ("128.0.0.0/1", "255.0.0.1", "127.0.0.1"),
  ])
  func `a network contains the addresses with its prefix`(network: String, inside: String, outside: String) throws {
    let network = try #require(Network(network))
    #expect(network.contains(try #require(Network.bytes(of: inside))))
    #expect(!network.contains(try #require(Network.bytes(of: outside))))
  }

  @Test(arguments: [
    "", "/", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.1/8", "10.0.0",
    "0x7f.0.0.1",
    "fd00::/129", "fe80::1%1", "localhost", "10.0.0.0/ 8", "10.0.0.0/0008", "10.0.0.0/１",
  ])
  func `an invalid network is rejected`(text: String) { #expect(Network(text) == nil) }
}
