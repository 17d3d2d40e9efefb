// What a checkpoint's tensors become when they are quantised while they are loaded: what `r4b quantize` would write.

extension Checkpoint {
  /// The type of each tensor in memory. The tower and the projector get 8 bits, whatever the decoder gets; what has blocks already,
  /// and what gets none, stays as it is stored.
  package func types(quantizedTo fileType: FileType) -> (TensorInfo) -> ElementType {
    let planned = configuration.textPlan(fileType) + configuration.visionPlan(.q8_0)
    let types = Dictionary(
      planned.filter(\.written.type.isQuantized).map { ($0.source, $0.written.type) }, uniquingKeysWith: { $1 })
    return { $0.type.isQuantized ? $0.type : types[$0.name] ?? $0.type }
  }
}
