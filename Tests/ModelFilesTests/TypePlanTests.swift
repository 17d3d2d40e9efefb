// The types of a quantised file against those that llama.cpp's quantiser chose;
// `scripts/fixtures/quantization_types.py` wrote them.
import Foundation
import ModelFiles
import Testing

@Suite struct TypePlanTests {
  struct Case: Decodable {
    let layers, hidden, intermediate: Int
    let tied: Bool
    /// By mixture, then by tensor.
    let types: [String: [String: String]]

    var configuration: RConfiguration {
      RConfiguration(
        text: TextConfiguration(
          hiddenSize: hidden, layerCount: layers, headCount: 4, kvHeadCount: 2, headDimension: 32,
          intermediateSize: intermediate, vocabularySize: 64, ropeTheta: 1e6, rmsNormEpsilon: 1e-6, maxPositions: 64,
          tied: tied), vision: nil, imageTokenIndex: nil, visionAspectRatio: .anyres(maxPatches: nil),
        imageGridPinpoints: [], maxPositions: 64)
    }
  }

  @Test(arguments: FileType.allCases)
  func `tensors get the types that llama.cpp gives them`(fileType: FileType) throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/Quantization/types.json")
    let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: path))
    #expect(cases.count == 4)
    for item in cases {
      let plan = item.configuration.textPlan(fileType)
      let types = Dictionary(uniqueKeysWithValues: plan.map { ($0.written.name, $0.written.type.rawValue) })
      #expect(types == item.types[fileType.rawValue], "\(item.layers) layers of \(item.hidden)")
    }
  }

  @Test func `a head type changes only the head`() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/Quantization/types.json")
    for item in try JSONDecoder().decode([Case].self, from: Data(contentsOf: path)) where item.hidden == 256 {
      let usual = item.configuration.textPlan(.q4_0), other = item.configuration.textPlan(.q4_0, head: .q4_0)
      for (before, after) in zip(usual, other) {
        let isHead = before.written.name == (item.tied ? "token_embd.weight" : "output.weight")
        #expect(after.written.type == (isHead ? .q4_0 : before.written.type), "\(before.written.name)")
      }
    }
  }

  @Test func `the tower keeps the unquantised tensors that llama.cpp's vision code requires`() {
    for type in [FileType.q8_0, .f16, .bf16] {
      func chosen(_ name: String, _ shape: [Int]) -> ElementType { TypePlan.visionType(name, shape: shape, type) }
      #expect(chosen("v.blk.0.attn_q.weight", [1152, 1152]) == type.element)
      #expect(chosen("v.blk.0.attn_q.bias", [1152]) == .f32)
      #expect(chosen("v.position_embd.weight", [729, 1152]) == .f32)
      #expect(chosen("v.patch_embd.weight", [1152, 3, 14, 14]) == (type == .f16 ? .f16 : .f32))
      #expect(chosen("model.image_newline", [2560]) == .f32)
      // SigLIP's 4,304 values are not a whole number of blocks.
      #expect(chosen("v.blk.0.ffn_down.weight", [1152, 4304]) == (type == .q8_0 ? .f16 : type.element))
    }
  }
}
