// Token ids: from Chat to the runner there are ids and pixels only, never strings.

/// An id of the model's vocabulary.
package typealias TokenID = Int32
