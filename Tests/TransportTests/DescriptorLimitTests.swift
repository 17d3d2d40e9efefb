import Testing
import Transport

@Suite struct `Descriptors` {
  @Test(arguments: [(64, 20, 20), (1024, 30, 866), (1_048_576, 40, 1_048_408), (32, 20, 4), (0, 0, 4)])
  func `connections leave a reserve`(limit: Int, used: Int, connections: Int) {
    #expect(DescriptorLimit.connections(limit: limit, used: used) == connections)
  }

  @Test func `open descriptors are counted`() {
    #expect((3...DescriptorLimit.current).contains(DescriptorLimit.openCount))
  }
}
