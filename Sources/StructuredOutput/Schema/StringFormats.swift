// The formats of JSON Schema, Pydantic and OpenAPI as patterns. Each pattern covers the part of the format that
// stricter validators also accept (calendar dates, IDNA, WHATWG URLs, Python's ipaddress).

import Text

enum StringFormats {
  /// Returns the unanchored pattern for `name`; nil for formats that do not constrain values.
  static func pattern(of name: String, isBounded: Bool) -> String? {
    // Pydantic counts the length of binary strings in bytes.
    if name.utf8.elementsEqual("binary".utf8) { return isBounded ? "[\\x20-\\x7e]*" : nil }
    return known.first { $0.name.utf8.elementsEqual(name.utf8) }?.pattern
  }

  /// The names of all enforced formats.
  static var names: [String] { known.map(\.name).sorted() }

  private static let known: [(name: String, pattern: String)] = {
    let leap =
      "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29"
    let day =
      "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    // Neither Python nor the examples in RFC 3339 allow the year 0.
    let date = "(?!0000)(?:\(leap)|\(day))"
    let zone = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    let time = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?\(zone)"
    // RFC 3339, appendix A.
    let clock =
      "T(?:[0-9]{1,4}H(?:[0-9]{1,4}M(?:[0-9]{1,4}S)?)?|[0-9]{1,4}M(?:[0-9]{1,4}S)?|[0-9]{1,4}S)"
    let days = "(?:[0-9]{1,3}Y(?:[0-9]{1,4}M(?:[0-9]{1,4}D)?)?|[0-9]{1,4}M(?:[0-9]{1,4}D)?|[0-9]{1,4}D)"
    let hex = "[0-9a-fA-F]"
    func uuid(_ version: String, _ variant: String) -> String {
      "\(hex){8}-\(hex){4}-\(version)\(hex){3}-\(variant)\(hex){3}-\(hex){12}"
    }
    let byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    let ipv4 = "(?:\(byte)\\.){3}\(byte)"
    let group = "[0-9a-f]{1,4}"
    // All groups, or two colons in place of one or more groups.
    var compressed = ["(?:\(group):){7}\(group)", "::(?:\(group)(?::\(group)){0,6})?"]
    for count in 1...7 {
      let left = "\(group)(?::\(group)){\(count - 1)}::"
      compressed.append(count == 7 ? left : "\(left)(?:\(group)(?::\(group)){0,\(6 - count)})?")
    }
    let ipv6 = "(?:\(compressed.joined(separator: "|")))"
    let small = "(?:[12]?[0-9]|3[0-2])", large = "(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])"
    // Python rejects networks with bits set after the prefix.
    let network4 =
      "(?:\(ipv4)/32|\(byte)\\.\(byte)\\.\(byte)\\.0/24|\(byte)\\.\(byte)\\.0\\.0/16|\(byte)\\.0\\.0\\.0/8|0\\.0\\.0\\.0/0)"
    let network6 = "(?:(?:\(group):){7}\(group)/128|(?:\(group):){3}\(group)::/64|(?:\(group):){2}\(group)::/48|::/0)"
    let label = "[A-Za-z0-9]{1,20}(?:-[A-Za-z0-9]{1,20}){0,2}"
    let top = "[A-Za-z]{2,12}"
    let hostname = "(?:(?:\(label)\\.){1,4}\(top)|\(label))"
    // email-validator rejects the domains of RFC 6761.
    let email =
      "[A-Za-z0-9_+-]{1,24}(?:\\.[A-Za-z0-9_+-]{1,24}){0,2}@(?:\(label)\\.){1,3}(?!(?:test|local|localhost|invalid|onion|arpa|example)$)[a-z]{2,12}"
    let character = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})"
    let port = "(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?"
    let tail = "(?:/\(character)*)*(?:\\?(?:\(character)|[/?])*)?(?:#(?:\(character)|[/?])*)?"
    let uri = "https?://(?:(?:\(label)\\.){1,4}\(top)|localhost|\(ipv4))\(port)\(tail)"
    let pointer = "(?:/(?:[A-Za-z0-9_.-]|~[01])*)*"
    let item = "(?:[A-Za-z0-9 _,:;@#%&=<>!\"'/-]|\\\\[dwsDWS.]|\\.|\\[\\^?(?:[A-Za-z0-9_.]|a-z|A-Z|0-9)+\\])"
    let quantifier = "(?:[*+?]|\\{[1-9]\\}|\\{[1-4],[5-9]\\})?"
    let items = "(?:\(item)\(quantifier))*"
    let regex = "\\^?(?:\(item)\(quantifier)|\\((?:\\?:)?\(items)(?:\\|\(items))*\\)\(quantifier))*\\$?"
    func base64(_ two: String) -> String {
      let letter = "[A-Za-z0-9\(two)]"
      return "(?:\(letter){4})*(?:\(letter)[AQgw]==|\(letter){2}[AEIMQUYcgkosw048]=)?"
    }
    return [
      ("date", date), ("time", time), ("date-time", "\(date)T\(time)"),
      ("duration", "P(?:\(days)(?:\(clock))?|\(clock)|[0-9]{1,4}W)"),
      ("uuid", uuid(hex, hex)), ("uuid1", uuid("1", "[89abAB]")), ("uuid3", uuid("3", "[89abAB]")),
      ("uuid4", uuid("4", "[89abAB]")), ("uuid5", uuid("5", "[89abAB]")), ("uuid6", uuid("6", "[89abAB]")),
      ("uuid7", uuid("7", "[89abAB]")), ("uuid8", uuid("8", "[89abAB]")),
      ("ipv4", ipv4), ("ipv6", ipv6), ("ipvanyaddress", "(?:\(ipv4)|\(ipv6))"),
      ("ipv4interface", "\(ipv4)/\(small)"), ("ipv6interface", "\(ipv6)/\(large)"),
      ("ipvanyinterface", "(?:\(ipv4)/\(small)|\(ipv6)/\(large))"),
      ("ipv4network", network4), ("ipv6network", network6), ("ipvanynetwork", "(?:\(network4)|\(network6))"),
      ("hostname", hostname), ("idn-hostname", hostname), ("email", email), ("idn-email", email),
      ("name-email", "(?:[A-Za-z]{1,20}(?: [A-Za-z]{1,20}){0,2} <\(email.replacing("$)", with: ">)"))>|\(email))"),
      ("uri", uri), ("iri", uri), ("uri-template", uri), ("multi-host-uri", uri),
      ("uri-reference", "(?:\(uri)|(?:/\(character)+)+)"), ("iri-reference", "(?:\(uri)|(?:/\(character)+)+)"),
      ("json-pointer", pointer), ("relative-json-pointer", "(?:0|[1-9][0-9]{0,3})(?:#|\(pointer))"),
      ("regex", regex), ("base64", base64("+/")), ("byte", base64("+/")), ("base64url", base64("_-")),
    ]
  }()
}
