/// Receives the name and the values of an activation, for tests that compare them with a reference.
package typealias ActivationTap = (String, UnsafeBufferPointer<Float>) -> Void
