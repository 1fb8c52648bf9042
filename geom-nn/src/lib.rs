//! Differentiable networks whose value, Jacobian and second-order tangents are first-class
