//! Pullback geometry of immersions: metrics, distortion functionals with exact gradients, curvature, geodesics
