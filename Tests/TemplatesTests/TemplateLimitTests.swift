// Templates are untrusted: rendering must end soon, in bounded memory, with a typed error.
import Foundation
import JSON
import Templates
import Testing

private func outcome(_ source: String, _ context: JSONObject = [:], _ limits: TemplateLimits = .init())
  -> TemplateError?
{
  do throws(TemplateError) {
    _ = try ChatTemplate(source: source, limits: limits).render(context)
    return nil
  } catch {
    return error
  }
}

private func times(_ count: Int, _ text: String) -> String { String(repeating: text, count: count) }

/// Returns the seconds of processor time of this thread, which do not include other work on the machine.
private func processorTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

@Suite struct `Template limits` {
  @Test(arguments: [
    times(20_000, "("), "{{ " + times(20_000, "(") + "1" + times(20_000, ")") + " }}",
    "{{ " + times(20_000, "[") + times(20_000, "]") + " }}",
    "{{ " + times(20_000, "{1:") + "1" + times(20_000, "}") + " }}",
    "{{ " + times(20_000, "not ") + "1 }}", "{{ " + times(20_000, "-") + "1 }}", "{{ 1" + times(20_000, "+1") + " }}",
    "{{ a" + times(20_000, ".a") + " }}", "{{ a" + times(20_000, "|e") + " }}", "{{ a" + times(20_000, "()") + " }}",
    "{{ a" + times(20_000, "[0]") + " }}", "{{ 1" + times(20_000, " and 1") + " }}",
    "{{ 1" + times(20_000, " if 1") + " }}",
    "{{ 1" + times(20_000, " if 1 else 1") + " }}", times(20_000, "{% if 1 %}") + times(20_000, "{% endif %}"),
    times(20_000, "{% for x in y %}") + times(20_000, "{% endfor %}"), "{% set " + times(20_000, "(") + "a %}",
    "{{ f" + times(20_000, "(f") + times(20_000, ")") + " }}", "{{ 1" + times(20_000, "**1") + " }}",
    "{{ 1 " + times(20_000, "is eq 1 ") + " }}",
  ])
  func `deep syntax is rejected`(source: String) {
    let error = outcome(source)
    if source.hasPrefix("(") { #expect(error == nil) } else { #expect(error != nil) }
  }

  @Test(arguments: [
    "{{ 'x' * 10**9 }}", "{{ [1] * 10**9 }}", "{{ 'x' * 9223372036854775807 }}", "{{ [1, 2] * 9223372036854775807 }}",
    "{{ 'ab'.center(10**12) }}", "{{ 'ab'.zfill(10**12) }}", "{{ 'a'|indent(10**12) }}", "{{ '%99999999d' % 1 }}",
    "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 10 ** 400 }}", "{{ 2 ** 63 }}",
    "{{ (-9223372036854775807 - 1) // -1 }}", "{{ (-9223372036854775807 - 1) % -1 }}",
    "{{ (-9223372036854775807 - 1)|abs }}",
    "{{ range(10**15) }}", "{{ range(0, 9223372036854775807, 9223372036854775807)|list + 5 }}",
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set ns = namespace(x='ab') %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
    "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(64) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
    "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}",
    "{% set ns = namespace(x=[]) %}{% for i in range(100000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% for a in [ns.x] %}{% set ns.x = loop %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = cycler(ns.x) %}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
    "{% set ns = namespace(x=(1,)) %}{% for i in range(64) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
    "{% set x = range(99999)|list %}{% for i in range(99999) %}{% set y = x|sum %}{% endfor %}",
    "{% set x = 'a' * 1000000 %}{% for i in range(99999) %}{% set y = {x: 1} %}{% endfor %}",
    "{{ 'aaaaaaaa'|replace('', 'b' * 100000000) }}",
    "{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", "{{ ('a' * 100000000).replace('a', 'b' * 100) }}",
    "{{ 1 if 1 }}{{ [1]|batch(10**12, 'x')|list }}", "{{ 1|tojson(indent=10**12) }}", "{{ 1.5|round(10**9) }}",
    "{{ '%.999999999f' % 1.5 }}",
    "{{ 'x'[9223372036854775807] + 1 }}", "{{ [1][-9223372036854775807 - 1] + 1 }}",
    "{{ [1, 2][::-9223372036854775807] + 1 }}",
    "{{ range(3)[::9223372036854775807] + 1 }}",
    "{{ 'abc'[-9223372036854775807 - 1:9223372036854775807:-9223372036854775807 - 1] + 1 }}",
  ])
  func `hostile programs are stopped`(source: String) {
    let start = processorTime()
    #expect(outcome(source, [:], TemplateLimits(steps: 200_000, output: 4 << 20, memory: 64 << 20)) != nil)
    #expect(processorTime() - start < 10)
  }

  /// Single operations that would take long, and loops of many short operations.
  @Test(
    arguments: [
      "'a\\nb'|indent(500000000)", "('a\n' * 100000)|indent(100000, true)", "'a'|center(500000000)",
      "'a'.ljust(2000000000)",
      "'a'.zfill(1000000000)", "'é'.rjust(400000000, 'é')", "'a' * 1000000000", "('a' * 100000000)|upper",
      "('a' * 1000000)|replace('a', 'b' * 10000)", "('a' * 1000000).replace('', 'b' * 10000)", "'%1000000000d' % 1",
      "'%-999999999s' % 'a'", "'%*d' % (999999999, 1)", "'%.1000000000f' % 1", "'%.999999999d' % 1",
      "'{:1000000000}'.format(1)", "'{:{w}}'.format('a', w=999999999)", "'{:.999999999f}'.format(1.5)",
      "'{:*^999999999}'.format('é')", "['a'] * 100000000", "(1, 2) * 9000000000", "range(100000)|join('x' * 100000)",
      "('x' * 100000).join(range(100000)|map('string'))", "[1]|batch(100000000, 'x')|list", "[1]|slice(100000000)|list",
      "'a\tb'.expandtabs(1000000000)", "range(100000)|list|tojson(indent=' ' * 100000)",
      "range(100000)|list|tojson(separators=('x' * 1000000, ':'))",
      "'x'|truncate(1000000000, end='y' * 1000000000)",
      "('a ' * 20000000)|wordwrap(1)", "('<' * 100000000)|e", "('é' * 50000000)|urlencode", "('a' * 100000000)|list",
      "('a\n' * 50000000).splitlines()", "('a' * 100000000)[::-1]",
      "('a' * 100000000)|reverse", "('a' * 100000000)|title",
    ])
  func `operations with huge results are rejected before they run`(expression: String) {
    let start = processorTime()
    let error = outcome("{% set x = \(expression) %}")
    #expect(error?.kind == .limit, "\(expression): \(String(describing: error))")
    #expect(processorTime() - start < 5)
  }

  @Test(
    arguments: [
      "x ~ x", "x + x", "x|upper", "x|title", "x|trim", "x|trim('abc')", "x|e", "x|tojson", "x|string|length",
      "x|list|length",
      "x|replace('a', 'bc')", "x.split(' ')|length", "x.split()|length", "x|wordwrap(7)", "x|truncate(290000)",
      "x|urlencode", "x[1:]", "x[::-1]",
      "x|indent(2)", "x|center(400000)", "x.find('zz')", "x.rfind('zz')", "x.count('a')", "x == x ~ ''", "x in x",
      "[x]|tojson", "[x]|string",
      "{x: x}", "[x, x]|sort", "[x]|unique|list", "'%s' % x", "'{}'.format(x)", "x|wordcount", "x.isalpha()",
      "x.splitlines()",
      "x.partition('z')", "x.strip()", "x|capitalize", "x|forceescape", "{'a': x}|xmlattr", "{'a': x}|urlencode",
      "x|int", "x.expandtabs()", "x|first", "x|last",
      "dict(a=x)|tojson(indent=4)", "[x]|groupby(0)", "range(100000)|sum", "range(100000)|list == range(100000)|list",
      "range(100000)|map('string')|join",
    ])
  func `a loop of short operations ends after its processor time`(expression: String) {
    let start = processorTime()
    let error = outcome(
      "{% set x = 'ab ' * 100000 %}{% for i in range(100000) %}{% for j in range(100000) %}{% set y = \(expression) %}{% endfor %}{% endfor %}",
      [:], TemplateLimits(steps: .max >> 1, memory: .max >> 1, seconds: 0.2))
    #expect(error?.reason == "rendering exceeded the limit of 0.2 seconds of processor time")
    #expect(processorTime() - start < 6)
  }

  @Test(arguments: [
    "{% set ns = namespace() %}{% for i in range(5000) %}{% set other = namespace(next=ns.head) %}{% set ns.head = other %}{% endfor %}",
    "{% for i in range(2000) %}{% macro m() %}{{ m }}{% endmacro %}{% set keep = m %}{% endfor %}",
    "{% for x in range(1000) %}{{ loop.changed(loop) }}{% endfor %}",
    "{% set ns = namespace(l=1) %}{% for i in range(3000) %}{% for a in [1] %}{% set c = loop.changed(ns.l) %}{% set ns.l = loop %}{% endfor %}{% endfor %}",
  ])
  func `long and circular references are freed`(source: String) { #expect(outcome(source) == nil) }

  @Test func `each limit is reported`() {
    func reason(_ source: String, _ limits: TemplateLimits) -> String? {
      outcome(source, [:], limits).flatMap { $0.kind == .limit ? $0.reason : nil }
    }
    #expect(reason("aaaa", .init(source: 3)) == "the template must have at most 3 bytes")
    #expect(
      reason("{% for i in range(99) %}{% endfor %}", .init(steps: 50)) == "rendering exceeded the limit of 50 steps")
    #expect(reason("{{ [[[[1]]]] }}", .init(depth: 3)) == "a template may be nested at most 3 deep")
    #expect(reason("{{ 'x' * 11 }}", .init(output: 10)) == "the output must have at most 10 bytes")
    #expect(
      reason("{{ 'x' * 11 }}", .init(memory: 10)) == "rendering exceeded the limit of 10 bytes of intermediate values")
    #expect(reason("{{ 1 }}", .init(seconds: 0)) == "rendering exceeded the limit of 0.0 seconds of processor time")
  }

  @Test func `the deepest syntax and calls fit in a stack of 1 MiB`() {
    let sources = [
      "{{ " + times(90, "(") + "1" + times(90, ")") + " }}", "{{ " + times(90, "[") + times(90, "]") + " }}",
      times(80, "{% if 1 %}") + times(80, "{% endif %}"), "{{ 1" + times(90, "+1") + " }}",
      "{% macro m() %}{{ [m()] }}{% endmacro %}{{ m() }}", "{{ x|tojson }}{{ x }}",
      "{% macro m() %}{% for i in [1] %}{% if 1 %}{% call m() %}{% endcall %}{% endif %}{% endfor %}{{ caller() }}{% endmacro %}{{ m() }}",
    ]
    var nested: JSONValue = 1
    for _ in 0..<63 { nested = [nested] }
    let context: JSONObject = ["x": nested]
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      for source in sources { _ = outcome(source, context) }
      done.signal()
    }
    thread.stackSize = 1 << 20
    thread.start()
    #expect(done.wait(timeout: .now() + 600) == .success)
  }

  @Test func `mutated templates never crash or hang`() throws {
    let fixture = try TemplateFixture.read("conversations")
    let snippets = try TemplateFixture.read("snippets")
    var sources = fixture["templates"]?.object?.values.compactMap(\.string) ?? []
    sources += snippets["cases"]?.array?.compactMap { $0["template"]?.string } ?? []
    var context = try #require(fixture["contexts"]?["tool results"]?.object)
    for (name, value) in try #require(snippets["context"]?.object).members { context[name] = value }
    let limits = TemplateLimits(steps: 20_000, memory: 1 << 22)
    var state: UInt64 = 0x5EED
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % max(bound, 1)
    }
    let pieces = [
      "{{", "}}", "{%", "%}", "-", "|", "(", ")", "[", "]", "'", ".", "is", " not ", "**", "9223372036854775807", "😀",
      "\\", ":", "%",
    ]
    let start = processorTime()
    var rendered = 0
    for round in 0..<3000 {
      var text = Array(sources[round % sources.count].unicodeScalars)
      for _ in 0...next(4) {
        let index = next(text.count + 1)
        switch next(4) {
        case 0 where !text.isEmpty:
          text.removeSubrange(min(index, text.count - 1)..<min(index + 1 + next(8), text.count))
        case 1: text.insert(contentsOf: pieces[next(pieces.count)].unicodeScalars, at: index)
        case 2 where !text.isEmpty:
          let other = next(text.count)
          text.insert(contentsOf: Array(text[other..<min(other + next(40), text.count)]), at: index)
        default: if index < text.count { text[index] = Array(sources[next(sources.count)].unicodeScalars).first ?? "x" }
        }
      }
      var source = ""
      source.unicodeScalars.append(contentsOf: text)
      if outcome(source, context, limits) == nil { rendered += 1 }
    }
    #expect(rendered > 100)
    #expect(processorTime() - start < 60)
  }
}
