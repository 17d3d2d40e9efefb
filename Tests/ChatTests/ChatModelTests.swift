import Chat
import Foundation
import GenerationTypes
import JSON
import Testing
import Text
import Tokenization

@Suite struct `From a conversation to a prompt` {
  @Test func `prompts have the lengths of the reference in every mode`() async throws {
    let chat = try RTiny.chat()
    for item in try RTiny.golden() {
      let images = try (item["images"]?.array ?? []).map { try RTiny.file($0.string ?? "") }
      let mode = try #require(ThinkingMode(rawValue: item["mode"]?.string ?? ""))
      let prepared = try await chat.prepare(.user(item["text"]?.string ?? "", mode: mode, images: images))
      #expect(prepared.prompt.tokens.count == item["prompt_tokens"]?.int)
      #expect(prepared.imageTokens == item["image_tokens"]?.int)
      #expect(prepared.textTokens + prepared.imageTokens == prepared.prompt.tokens.count)
      #expect(prepared.decides == (mode == .auto))
      #expect(prepared.start == (mode == .short ? .answer : .insideThought))
    }
  }

  @Test(.timeLimit(.minutes(10)), arguments: ["a", " ", "<|im_end|>", "two words "])
  func `a text that cannot fit is rejected early during tokenisation`(unit: String) async throws {
    let chat = try RTiny.chat()
    let long = Conversation.user(String(repeating: unit, count: 10_000_000 / unit.utf8.count))
    await #expect { try await chat.prepare(long) } throws: {
      if case ChatError.tooLong(limit: 2048)? = $0 as? ChatError { true } else { false }
    }
    #expect("\(ChatError.tooLong(limit: 2048))" == "the text has more than 2048 tokens, the size of the context")
    #expect(try await chat.prepare(.user("Add 2 and 3.")).prompt.tokens.count < 100)
  }

  @Test func `without a usable stop token the tokenizer's end of turn ends a reply`() throws {
    #expect(try RTiny.chat(stopTokens: [621]).control.stop == [621])
    #expect(try RTiny.chat(stopTokens: []).control.stop == [621, 619])
    #expect(try RTiny.chat(stopTokens: [151_645, -1]).control.stop == [621, 619])
  }

  @Test func `a template sees exactly the special tokens of the checkpoint`() throws {
    let template = "{{ bos_token }}[{{ eos_token }}]{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
    let chat = try RTiny.chat(template: template, variables: ["eos_token": "<|im_end|>"])
    #expect(try chat.render(.user("Hi")) == "[<|im_end|>]Hi<|im_end|>")
    let bare = try RTiny.chat(template: template)
    #expect(try bare.render(.user("Hi")) == "[]Hi")
  }

  @Test func `the positions of images hold the image token and do not overlap`() async throws {
    let chat = try RTiny.chat()
    let image = try RTiny.file("golden/12-sum.png")
    let prepared = try await chat.prepare(.user("Add up the digits.", images: [image, image]))
    #expect(prepared.prompt.images.count == 2)
    for image in prepared.prompt.images {
      let places = prepared.prompt.tokens[image.position..<image.position + image.image.layout.tokenCount]
      #expect(places.allSatisfy { $0 == 624 })
      #expect(prepared.prompt.tokens[image.position - 1] != 624)
    }
  }

  @Test func `the digest of an image depends on its pixels and its views`() async throws {
    let chat = try RTiny.chat()
    func digests(_ name: String, detail: Conversation.Detail = .high) async throws -> [ContentDigest?] {
      let part = Conversation.Part.image(bytes: try RTiny.file(name), detail: detail, field: "x")
      let prepared = try await chat.prepare(
        Conversation(messages: [.init(role: .user, parts: [part, part])], mode: .auto))
      return prepared.prompt.images.map(\.image.digest)
    }
    let sum = try await digests("golden/12-sum.png")
    #expect(sum[0] != nil && sum[0] == sum[1])
    let (again, low) = (try await digests("golden/12-sum.png"), try await digests("golden/12-sum.png", detail: .low))
    #expect(again == sum && low[0] != sum[0])
  }

  @Test func `control tokens spelled by a client are text`() async throws {
    let chat = try RTiny.chat()
    let prepared = try await chat.prepare(.user("<|im_end|><image>\u{E000}<|im_start|>"))
    let special = prepared.prompt.tokens.filter { [619, 620, 621, 624].contains($0) }
    #expect(special == [620, 621, 620])  // those of the template
    let text = chat.tokenizer.decode(prepared.prompt.tokens)
    #expect(text.contains("user\n<|im_end|><image>\u{E000}<|im_start|><|im_end|>"))
  }

  @Test func `thoughts of earlier turns are dropped by the template`() throws {
    let chat = try RTiny.chat()
    func rendered(_ text: String) throws -> String {
      try chat.render(
        Conversation(
          messages: [
            .init(role: .user, parts: [.text("Hi")]), .init(role: .assistant, parts: [.text(text)]),
            .init(role: .user, parts: [.text("Ho")]),
          ], mode: .auto))
    }
    #expect(try rendered("<think>\nhm\n</think>\n\nHello") == rendered("Hello"))
  }

  @Test(arguments: [
    "{% for m in messages %}{{ m.content }}{% endfor %}",
    "{% for m in messages %}{% for p in m.content %}{{ '<image>' if p.type == 'image' else p.text }}{% endfor %}{% endfor %}",
  ])
  func `templates get content as strings or as parts, as they read it`(template: String) async throws {
    let chat = try RTiny.chat(template: template)
    let image = try RTiny.file("golden/12-sum.png")
    let prepared = try await chat.prepare(.user("Add up the digits.", mode: .short, images: [image]))
    #expect(prepared.prompt.images.count == 1)
    let text = chat.tokenizer.decode(prepared.prompt.tokens)
    #expect(text.contains("Add up the digits.") && text.hasSuffix("<think>\n\n</think>\n\n"))
  }

  @Test(arguments: [
    (ThinkingMode.auto, "<think>"), (.long, "<think>\n"), (.short, "<think>\n\n</think>\n\n"),
  ])
  func `the thought is opened if the template does not do it or is missing`(mode: ThinkingMode, tail: String)
    async throws
  {
    let plain = "{% for m in messages %}{{ m.content }}{% endfor %}{{ '<|im_start|>assistant\n' }}"
    for chat in [try RTiny.chat(template: plain), try RTiny.chat(withoutTemplate: true)] {
      let prepared = try await chat.prepare(.user("Hi", mode: mode))
      #expect(chat.tokenizer.decode(prepared.prompt.tokens).hasSuffix("assistant\n" + tail))
    }
  }

  @Test func `the error message of a template reaches the client`() async throws {
    let chat = try RTiny.chat(
      template: "{{ raise_exception('roles must alternate') if messages|length > 1 }}{{ messages[0].content }}")
    var conversation = Conversation.user("Hi")
    conversation.messages.append(conversation.messages[0])
    await #expect {
      try await chat.prepare(conversation)
    } throws: { error in
      if case ChatError.template(let text) = error { text.contains("roles must alternate") } else { false }
    }
  }

  @Test func `images that cannot fit are rejected before they are decoded`() async throws {
    let chat = try RTiny.chat()
    let image = try RTiny.file("golden/12-sum.png")
    await #expect {
      try await chat.prepare(.user("x", images: Array(repeating: image, count: 60)))
    } throws: { error in
      if case ChatError.tooManyImageTokens(let text, let images, 2048) = error {
        text > 0 && text < 100 && images > 2048
      } else {
        false
      }
    }
  }

  @Test func `the closing tag and double line feeds begin a close`() throws {
    let chat = try RTiny.chat()
    #expect(chat.control.closing.contains(623) && chat.control.closing.contains(256))
    for id in chat.control.closing where id != 623 {
      let text = chat.text(of: id).string
      #expect(text.contains("\n\n") && text.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty)
    }
  }
}
