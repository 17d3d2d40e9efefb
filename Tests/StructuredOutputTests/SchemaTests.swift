import Foundation
import GenerationTypes
import JSON
import StructuredOutput
import Testing

private let person =
  #"{"type":"object","properties":{"name":{"type":"string","minLength":1,"maxLength":3},"age":{"type":"integer"}},"required":["name"],"additionalProperties":false}"#

@Suite struct `Values that a schema allows` {
  @Test(
    arguments: [
      (#"{"type":"boolean"}"#, ["true", "false"], ["True", "tru", "truee", "1", "null", ""]),
      (#"{"type":"null"}"#, ["null"], ["nul", "0"]),
      (#"{"type":["null","boolean"]}"#, ["null", "true"], ["1"]),
      (
        #"{"enum":["a","ab",1,null,{"x":[1]}]}"#, [#""a""#, #""ab""#, "1", "null", #"{"x":[1]}"#], [#""b""#, "11", "a"]
      ),
      (#"{"const":"x\ny"}"#, [#""x\ny""#], [#""x""#]), (#"{"enum":[1,"a"],"type":"string"}"#, [#""a""#], ["1"]),
      (
        #"{"type":"string"}"#, [#""""#, #""é😀\u00e9\n\"""#, #""\ud83d\ude00""#],
        [#"""#, "\"\n\"", #""\x""#, #""\ud83d""#, "a"]
      ),
      (
        #"{"type":"string","minLength":2,"maxLength":3}"#, [#""ab""#, #""é😀x""#, #""\u00e9\n""#, #""\ud83d\ude00a""#],
        [#""a""#, #""abcd""#, #""\ud83d\ude00""#]
      ),
      (
        #"{"type":"string","pattern":"^a+[0-9]{2}$"}"#, [#""a12""#, #""aaa00""#],
        [#""a1""#, #""12""#, #""a123""#, #""xa12""#]
      ),
      (#"{"type":"string","pattern":"b"}"#, [#""b""#, #""abc""#, #""éb""#], [#""a""#, #""""#]),
      (
        #"{"type":"string","pattern":"^[^a]$"}"#, [#""b""#, #""é""#, #""\"""#, #""\\""#, #""\n""#],
        [#""a""#, #""bb""#, "\"\\\"", "\"\"\""]
      ),
      (#"{"type":"string","pattern":"^a|b$"}"#, [#""ax""#, #""xb""#], [#""xa""#, #""bx""#]),
      (
        #"{"type":"string","pattern":"^[a-c]*$","minLength":2,"maxLength":3}"#, [#""ab""#, #""abc""#],
        [#""a""#, #""abca""#]
      ),
      (#"{"type":"string","format":"date"}"#, [#""2024-02-28""#], [#""2024-02-30""#, #""24-01-01""#]),
      (
        #"{"type":"integer"}"#, ["0", "-1", "123456789012345"], ["-0", "01", "1.0", "1e3", "1234567890123456", "-", ""]
      ),
      (#"{"type":"number"}"#, ["0", "0.5", "-12.25"], [".5", "1.", "-0", "-0.0", "00", "1.1234567"]),
      (#"{"type":"integer","multipleOf":7,"minimum":1,"maximum":50}"#, ["7", "49"], ["0", "8", "56", "-7"]),
      (
        #"{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2}"#,
        ["[1]", "[1, 2]", "[\n  1,\n  2\n]"], ["[]", "[1,2,3]", "[1,]", "[ ]", "[1 ,2]"]
      ),
      (#"{"type":"array"}"#, ["[]", "[ ]", #"[1,"a",{"b":[]}]"#], ["[,]", "[1"]),
      (
        #"{"type":"array","prefixItems":[{"type":"integer"},{"const":"x"}],"items":false,"minItems":1}"#,
        ["[1]", #"[1,"x"]"#], ["[]", #"["x"]"#, #"[1,"x",2]"#]
      ),
      (
        person, [#"{"name":"a"}"#, #"{ "name": "abc", "age": 3 }"#, "{\n  \"name\": \"a\",\n  \"age\": 1\n}"],
        [
          "{}", #"{"age":1}"#, #"{"age":1,"name":"a"}"#, #"{"name":"a","x":1}"#, #"{"name":""}"#, #"{"name":"a",}"#,
          #"{"name":"a" "age":1}"#, #"{"name" :"a"}"#,
        ]
      ),
      (#"{"type":"object"}"#, ["{}", "{ }", #"{"a":{"b":[1,{}]}, "é":null}"#], ["{a:1}", "[]", #"{"a"}"#]),
      (
        #"{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"boolean"}}"#,
        ["{}", #"{"a":1}"#, #"{"b":true}"#, #"{"a":1,"ab":false,"":true}"#],
        [#"{"a":true}"#, #"{"b":1}"#, #"{"b":true,"a":1}"#, #"{"b":true,"a":true}"#, #"{"\u0061":true}"#]
      ),
      (
        #"{"type":"object","properties":{"a":{"type":"integer"}},"required":["b"]}"#,
        [#"{"a":1,"b":[]}"#, #"{"b":2}"#], [#"{"a":1}"#, "{}"]
      ),
      (#"{"anyOf":[{"type":"integer"},{"type":"array","items":{"type":"null"}}]}"#, ["1", "[null]"], ["[1]", "true"]),
      (
        #"{"oneOf":[{"type":"object","properties":{"k":{"const":1}},"required":["k"],"additionalProperties":false},{"type":"object","properties":{"k":{"const":2},"x":{"type":"null"}},"required":["k","x"],"additionalProperties":false}]}"#,
        [#"{"k":1}"#, #"{"k":2,"x":null}"#], [#"{"k":2}"#, #"{"k":1,"x":null}"#]
      ),
      (
        #"{"allOf":[{"type":"object","properties":{"a":{"type":"null"}},"required":["a"]},{"properties":{"b":{"type":"null"}}}]}"#,
        [#"{"a":null}"#, #"{"a":null,"b":null}"#], ["{}"]
      ),
      (
        ##"{"$defs":{"n":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["next"],"additionalProperties":false}},"$ref":"#/$defs/n"}"##,
        [#"{"next":null}"#, #"{"next":{"next":{"next":null}}}"#], [#"{"next":{}}"#]
      ),
      (##"{"anyOf":[{"type":"integer"},{"$ref":"#"}]}"##, ["3"], ["x"]),
      (#"{"type":"string","anyOf":[{"maxLength":1},{"pattern":"^abc$"}]}"#, [#""a""#, #""abc""#], ["1", #""ab""#]),
      (#"{"type":"number","anyOf":[{"type":"integer"},{"maximum":-1}]}"#, ["7", "-1.5"], ["0.5", "null"]),
      (##"{"definitions":{"a/b":{"const":5}},"$ref":"#/definitions/a~1b"}"##, ["5"], ["4"]),
      (
        #"{"type":"string","pattern":"^(?!\\.)(?!.*\\.\\.)[a.]+$"}"#, [#""a""#, #""a.a""#, #""a.""#],
        [#"".a""#, #""a..a""#, #""""#]
      ),
      (
        #"{"type":"string","pattern":"^(?=.*b)(?=.{2}$)[abc]*$"}"#, [#""ab""#, #""bc""#],
        [#""ac""#, #""b""#, #""abb""#]
      ),
      (#"{"type":"string","pattern":"^(?:(?!ab).)*$"}"#, [#""""#, #""ba""#, #""aa""#], [#""ab""#, #""bab""#]),
      (#"{"type":"string","pattern":"^$|^x(?:y$|z)"}"#, [#""""#, #""xy""#, #""xzq""#], [#""x""#, #""xyq""#]),
      (#"{"type":"string","pattern":"^[^\\d]$"}"#, [#""a""#, #""é""#], [#""1""#, #""٣""#]),
      (#"{"type":"string","pattern":"^(?!\\w)"}"#, [#""-""#, #""""#], [#""a""#, #""é""#]),
      (#"{"type":"string","pattern":"^\\p{Lu}\\u{1F600}?$"}"#, [#""A""#, #""É😀""#], [#""a""#, #""😀""#]),
      (
        #"{"type":"string","pattern":"^(?:é|\"|😀)*$","minLength":30,"maxLength":2000}"#,
        ["\"" + String(repeating: #"é😀\""#, count: 10) + "\""],
        ["\"" + String(repeating: "é", count: 29) + "\"", #""""#]
      ),
      (
        #"{"type":"string","format":"uri","minLength":1,"maxLength":2083}"#,
        [#""https://a.bc/d?e=f#g""#, #""http://localhost:8080""#], [#""https://a.5""#, #""ftp://a.bc""#, #""x""#]
      ),
      (
        #"{"type":"string","format":"date"}"#, [#""2024-02-29""#],
        [#""2023-02-29""#, #""1900-02-29""#, #""0000-01-01""#]
      ),
      (#"{"type":"string","format":"never-heard-of"}"#, [#""x""#], ["1"]),
      (
        #"{"type":"string","allOf":[{"pattern":"^a"},{"pattern":"b$"},{"maxLength":3}]}"#, [#""ab""#, #""acb""#],
        [#""a""#, #""accb""#, #""b""#]
      ),
      (#"{"type":"number","multipleOf":0.25,"maximum":1}"#, ["0.25", "0.5", "1", "-3.75"], ["0.3", "0.125", "1.25"]),
      (#"{"type":"integer","multipleOf":3600}"#, ["7200", "0"], ["3601"]),
      (
        #"{"type":"array","items":{"type":"integer","minimum":0,"maximum":2},"uniqueItems":true}"#, ["[]", "[1,2,0]"],
        ["[1,1]", "[0,1,0]"]
      ),
      (
        #"{"type":"array","items":{"type":"string"},"uniqueItems":true}"#, [#"["a","ab",""]"#],
        [#"["a","a"]"#, #"["a","\u0061"]"#]
      ),
      (
        #"{"type":"array","items":{"anyOf":[{"type":"number"},{"type":"null"}]},"uniqueItems":true,"minItems":2}"#,
        ["[1,1.5]", "[null,0]"], ["[null,null]", "[1,1.0]", "[1]"]
      ),
      (
        #"{"type":"object","additionalProperties":{"type":"null"},"minProperties":2,"maxProperties":3}"#,
        [#"{"a":null,"b":null}"#, #"{"a":null,"b":null,"c":null}"#],
        [#"{"a":null}"#, #"{"a":null,"a":null}"#, #"{"a":null,"b":null,"c":null,"d":null}"#, "{}"]
      ),
      (
        #"{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},"additionalProperties":false,"minProperties":2,"required":["b"],"maxProperties":2}"#,
        [#"{"a":null,"b":null}"#, #"{"b":null,"c":null}"#],
        [#"{"b":null}"#, #"{"a":null,"b":null,"c":null}"#, #"{"a":null}"#]
      ),
      (
        #"{"type":"object","propertyNames":{"pattern":"^[a-c]+$","maxLength":2},"additionalProperties":{"type":"null"}}"#,
        ["{}", #"{"ab":null}"#], [#"{"d":null}"#, #"{"abc":null}"#, #"{"":null}"#]
      ),
      (
        #"{"type":"object","propertyNames":{"enum":["x","y"]},"additionalProperties":{"type":"null"}}"#,
        ["{}", #"{"x":null,"y":null}"#, #"{"y":null}"#], [#"{"z":null}"#, #"{"x":null,"x":null}"#]
      ),
      (
        #"{"type":"object","properties":{"xa":{}},"patternProperties":{"^x":{"type":"null"},"y$":{"type":"integer"}},"additionalProperties":false}"#,
        [#"{"xa":null,"xb":null,"y":1}"#, "{}"],
        [#"{"xa":1}"#, #"{"xb":1}"#, #"{"z":1}"#, #"{"xy":null}"#, #"{"y":null}"#]
      ),
      (
        #"{"discriminator":{"propertyName":"k"},"oneOf":[{"type":"object","properties":{"k":{"const":1}}},{"type":"object","properties":{"k":{"const":2}}}]}"#,
        [#"{"k":1}"#, #"{"k":2}"#], ["{}", #"{"k":3}"#]
      ),
      (
        #"{"type":"object","properties":{"a":{"type":"null"}},"anyOf":[{"required":["a"]},{"properties":{"b":{"type":"null"}},"required":["b"]}]}"#,
        [#"{"a":null}"#, #"{"a":null,"b":null}"#, #"{"b":null}"#], ["{}"]
      ),
      (
        ##"{"$defs":{"s":{"type":"string","maxLength":5}},"$ref":"#/$defs/s","minLength":4}"##, [#""abcd""#],
        [#""abc""#, #""abcdef""#]
      ),
      ("true", ["1", "null", #"{"a":[]}"#], ["", "nope"]), ("{}", ["1", "[[]]"], ["]"]),
    ] as [(String, [String], [String])])
  func `valid replies are accepted and all others are not`(schema: String, good: [String], bad: [String]) throws {
    let grammar = try grammar(schema)
    for text in good { #expect(accepts(grammar, text), "\(text)") }
    for text in bad { #expect(!accepts(grammar, text), "\(text)") }
  }

  @Test func `exactly the numbers within the bounds are accepted`() throws {
    let bounds: [(Double, Double)] = [
      (0, 0), (-3, 3), (7, 123), (-123, -7), (-9.5, 10.25), (0.05, 0.1), (99, 101), (-0.5, 0.5), (1e15, 1e16),
      (999, 1000),
    ]
    for (low, high) in bounds {
      for (lowest, highest) in [("minimum", "maximum"), ("exclusiveMinimum", "exclusiveMaximum")] {
        for type in ["integer", "number"] {
          let schema = "{\"type\":\"\(type)\",\"\(lowest)\":\(low),\"\(highest)\":\(high)}"
          guard let grammar = try? grammar(schema) else { continue }
          let step = type == "integer" ? 1 : 0.05
          for index in -2600...2600 {
            let value = Double(index) * step
            let text = type == "integer" ? "\(index)" : Self.text(index)
            if text == "-0" || text.hasPrefix("-0.00") { continue }
            let isWithin =
              lowest == "minimum"
              ? value >= low - 1e-9 && value <= high + 1e-9 : value > low + 1e-9 && value < high - 1e-9
            #expect(accepts(grammar, text) == isWithin, "\(text) in \(schema)")
          }
        }
      }
    }
  }

  /// Formats a number of twentieths as a decimal.
  private static func text(_ twentieths: Int) -> String {
    let hundredths = twentieths.magnitude * 5
    let fraction = hundredths % 100
    return (twentieths < 0 ? "-" : "") + "\(hundredths / 100)"
      + (fraction == 0 ? "" : fraction < 10 ? ".0\(fraction)" : ".\(fraction)")
  }

  @Test(arguments: [
    "^[a-c]{1,3}$", "^(ab|a)(c|bcd)(d*)$", "^x?y*z+$", "a.c", "^\\w+\\s?\\d$", "[^abc]$", "^(a|b)*abb$", "^(?:ab){2,}$",
    "^[\\-\\]x]+$",
    "^(a{0,2}b){1,2}$", "^\\.\\*$", "^(?!a).*b$", "^(?=.*c)[a-d]{1,4}$", "a(?!b)", "^(?:(?!ab).)*$", "(?=b)bc|c$",
    "^(?:a(?=b)|b)+$", "^$|^a", "^(?!.*(?:a|b(?!c)))", "(?:^|b)a(?:$|c)", "^[^\\d]+$", "^(?=(?=a)ab)(?!abb).*$",
  ])
  func `patterns match what the system's regular expressions match`(pattern: String) throws {
    let schema: JSONValue = ["type": "string", "pattern": .string(pattern)]
    let grammar = try Grammar(schema: schema, path: "schema")
    let reference = try NSRegularExpression(pattern: pattern)
    // The system's `\\w` includes letters of all scripts; ours only those on which all engines agree.
    let alphabet = Array(pattern.contains("\\w") ? "abcdxyz19 .*-]" : "abcdxyz19 .*-]é")
    var seed: UInt64 = 7
    for _ in 0..<3000 {
      var text = ""
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      for index in 0..<Int(seed >> 60) / 2 {
        text.append(alphabet[Int((seed >> UInt64(5 * index)) & 0xFFFF) % alphabet.count])
      }
      let isMatch = reference.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count)) != nil
      let quoted = String(decoding: JSONValue.string(text).encoded, as: UTF8.self)
      #expect(accepts(grammar, quoted) == isMatch, "\(quoted) by \(pattern)")
    }
  }
}

@Suite struct `Rejected schemas` {
  @Test(arguments: [
    (#"{"type":"string","pattern":"(a)\\1"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"a**"}"#, "schema.pattern"), (#"{"type":"string","pattern":"(a"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"a)"}"#, "schema.pattern"), (#"{"type":"string","pattern":"[a"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"a{3,2}"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"\\"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"(a{1,1000}){1,1000}"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"(a|b)*a(a|b){16}"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"(?<=a)b"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"(?i)b"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"\\ba"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"\\p{Zzzz}"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"a$b"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"(?=a)*"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"^(?!a)a"}"#, "schema.pattern"),
    (#"{"type":"string","pattern":"[]"}"#, "schema.pattern"),
    (#"{"type":"string","format":"uuid","pattern":"^x"}"#, "schema.format"),
    (#"{"type":"string","format":3}"#, "schema.format"),
    (#"{"type":"string","format":"date","maxLength":9}"#, "schema.format"),
    (#"{"type":"string","minLength":-1}"#, "schema.minLength"),
    (#"{"type":"string","minLength":3,"maxLength":2}"#, "schema"),
    (#"{"type":"integer","minimum":3,"maximum":2}"#, "schema"),
    (#"{"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":4}"#, "schema"),
    (#"{"type":"integer","minimum":"a"}"#, "schema.minimum"),
    (#"{"type":"number","multipleOf":0.0000001}"#, "schema.multipleOf"),
    (#"{"type":"number","multipleOf":123457}"#, "schema.multipleOf"), (#"{"type":"x"}"#, "schema.type"),
    (#"{"type":[]}"#, "schema.type"),
    (#"{"enum":[]}"#, "schema.enum"), (#"{"enum":[1],"type":"string"}"#, "schema"), (#"{"not":{}}"#, "schema"),
    (#"{"not":{"type":"null"}}"#, "schema.not"),
    (#"{"minLenght":1}"#, "schema.minLenght"),
    (#"{"type":"array","uniqueItems":true}"#, "schema.items"),
    (#"{"type":"array","uniqueItems":3}"#, "schema.uniqueItems"),
    (#"{"type":"array","uniqueItems":true,"items":{"type":"array"}}"#, "schema.items"),
    (#"{"type":"array","uniqueItems":true,"items":{"enum":[1,2]},"minItems":3}"#, "schema.uniqueItems"),
    (#"{"type":"array","uniqueItems":true,"prefixItems":[{"type":"null"}]}"#, "schema.uniqueItems"),
    (#"{"type":"object","additionalProperties":false,"minProperties":1}"#, "schema.minProperties"),
    (#"{"type":"object","minProperties":2,"maxProperties":1}"#, "schema"),
    (#"{"type":"object","propertyNames":{"pattern":"^a"},"required":["b"]}"#, "schema.required"),
    (#"{"type":"object","propertyNames":{"type":"integer"}}"#, "schema.propertyNames.type"),
    (#"{"type":"object","propertyNames":{"anyOf":[]}}"#, "schema.propertyNames.anyOf"),
    (#"{"type":"object","patternProperties":{"(":{}}}"#, "schema.patternProperties"),
    (##"{"allOf":[{"$ref":"#"},{"type":"null"}]}"##, "schema"), (##"{"$ref":"#","minLength":1}"##, "schema"),
    (
      #"{"allOf":[{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false},{"type":"object","properties":{"b":{}},"required":["b"],"additionalProperties":false}]}"#,
      "schema.allOf[0].additionalProperties"
    ),
    (#"{"type":"array","minItems":2,"maxItems":1}"#, "schema"),
    (#"{"type":"array","items":[{}]}"#, "schema.items"), (#"{"type":"array","items":false,"minItems":1}"#, "schema"),
    (#"{"type":"object","properties":{"a":{"type":"q"}}}"#, "schema.properties.a.type"),
    (#"{"type":"object","properties":[]}"#, "schema.properties"),
    (#"{"type":"object","required":["a"],"additionalProperties":false}"#, "schema.required"),
    (#"{"type":"object","properties":{"a":false},"required":["a"]}"#, "schema"), ("false", "schema"), ("3", "schema"),
    (##"{"$ref":"#"}"##, "schema"), (##"{"$ref":"#/$defs/x"}"##, "schema.$ref"),
    (##"{"$ref":"other.json"}"##, "schema.$ref"), (##"{"$ref":"#","type":"string"}"##, "schema"),
    (##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##, "schema"),
    (##"{"anyOf":[]}"##, "schema.anyOf"),
    (#"{"type":"string","anyOf":[{"type":"integer"}]}"#, "schema.anyOf[0].type"),
    (#"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#, "schema.oneOf"),
    (#"{"allOf":[{"type":"string"},{"type":"null"}]}"#, "schema.allOf[1].type"),
    (#"{"type":"string","nullable":true}"#, "schema.nullable"),
  ])
  func `the path and the reason are reported`(schema: String, path: String) throws {
    let value = try JSONValue(parsing: schema)
    do {
      _ = try Grammar(schema: value, path: "schema")
      #expect(Bool(false), "\(schema) was taken")
    } catch {
      #expect(error.path == path && !error.reason.isEmpty, "\(error)")
    }
  }

  @Test func `schemas that explode are rejected or compiled within the limits`() throws {
    var deep: JSONValue = ["type": "null"]
    for _ in 0..<300 { deep = ["anyOf": [deep]] }
    #expect(throws: SchemaError.self) { try Grammar(schema: deep, path: "s") }
    let circle: JSONValue = ["type": "string", "anyOf": [["$ref": "#"]]]
    #expect(throws: SchemaError.self) { try Grammar(schema: circle, path: "s") }
    var nested: JSONValue = ["type": "null"]
    for _ in 0..<60 { nested = ["type": "array", "items": nested, "minItems": 1] }
    #expect(throws: SchemaError.self) { try Grammar(schema: nested, path: "s") }
    // Each definition refers to the next twice. Each is compiled once, not 2⁴⁰ times.
    var definitions = JSONObject()
    for index in 0..<40 {
      definitions["d\(index)"] = [
        "anyOf": [["$ref": .string("#/$defs/d\(index + 1)")], ["$ref": .string("#/$defs/d\(index + 1)")]]
      ]
    }
    definitions["d40"] = ["type": "null"]
    let fan = try Grammar(schema: ["$defs": .object(definitions), "$ref": "#/$defs/d0"], path: "s")
    #expect(accepts(fan, "null"))
    let long = try grammar(#"{"type":"string","minLength":900000,"maxLength":1000000}"#)
    #expect(!accepts(long, #""a""#))
    let many = try grammar(#"{"type":"array","items":{"type":"null"},"minItems":1000000,"maxItems":2000000}"#)
    #expect(!accepts(many, "[null]"))
    let values = JSONValue.array((0..<10_000).map { .string("value number \($0)") })
    #expect(throws: SchemaError.self) { try Grammar(schema: ["enum": values], path: "s") }
    var properties = JSONObject()
    for index in 0..<2000 { properties["p\(index)"] = ["type": "null"] }
    #expect(throws: SchemaError.self) {
      try Grammar(schema: ["type": "object", "properties": .object(properties)], path: "s")
    }
  }
}
