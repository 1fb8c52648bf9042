use super::Segments;

/// A symmetric block-tridiagonal matrix over the inner nodes of a curve, and its Cholesky factor.
pub(crate) struct BlockTridiagonal {
    d: usize,
    /// n blocks d × d, row-major.
    diagonal: Vec<f64>,
    /// n − 1 blocks: row of node i, column of node i + 1.
    upper: Vec<f64>,
}

/// L with M = L Lᵀ: lower diagonal blocks and the blocks below them (stored transposed).
pub(crate) struct Factored {
    d: usize,
    diagonal: Vec<f64>,
    upper: Vec<f64>,
}

/// The first pivot that is not positive.
pub(crate) struct BadPivot {
    pub(crate) node: usize,
    pub(crate) pivot: usize,
    pub(crate) value: f64,
}

impl BlockTridiagonal {
    /// The Hessian of Σ eᵢ, or its Gauss–Newton part, for nodes 1 … N − 2.
    pub(crate) fn assemble(segments: &Segments, blocks: &[f64]) -> Self {
        let d = segments.dimension;
        let inner = segments.squares.len().saturating_sub(1);
        let (mut diagonal, mut upper) = (
            vec![0.0; inner * d * d],
            vec![0.0; inner.saturating_sub(1) * d * d],
        );
        let entry = |piece: usize, row: usize, column: usize| {
            blocks[(piece * 2 * d + row) * 2 * d + column]
        };
        for node in 0..inner {
            for p in 0..d {
                for q in 0..d {
                    diagonal[(node * d + p) * d + q] =
                        entry(node, d + p, d + q) + entry(node + 1, p, q);
                    if node + 1 < inner {
                        upper[(node * d + p) * d + q] = entry(node + 1, p, d + q);
                    }
                }
            }
        }
        Self { d, diagonal, upper }
    }

    pub(crate) fn multiply(&self, x: &[f64]) -> Vec<f64> {
        let d = self.d;
        let mut y = vec![0.0; x.len()];
        for node in 0..x.len() / d {
            for p in 0..d {
                for q in 0..d {
                    y[node * d + p] += self.diagonal[(node * d + p) * d + q] * x[node * d + q];
                    if (node + 1) * d < x.len() {
                        let u = self.upper[(node * d + p) * d + q];
                        y[node * d + p] += u * x[(node + 1) * d + q];
                        y[(node + 1) * d + q] += u * x[node * d + p];
                    }
                }
            }
        }
        y
    }

    pub(crate) fn diagonal_block(&self, node: usize) -> &[f64] {
        &self.diagonal[node * self.d * self.d..(node + 1) * self.d * self.d]
    }

    pub(crate) fn cholesky(&self) -> Result<Factored, BadPivot> {
        let d = self.d;
        let nodes = self.diagonal.len() / (d * d);
        let (mut diagonal, mut upper) = (self.diagonal.clone(), self.upper.clone());
        for node in 0..nodes {
            if node > 0 {
                // Schur complement: D −= Wᵀ W with W = L⁻¹ U of the node before.
                let w = &upper[(node - 1) * d * d..node * d * d];
                for p in 0..d {
                    for q in 0..d {
                        let product: f64 = (0..d).map(|r| w[r * d + p] * w[r * d + q]).sum();
                        diagonal[(node * d + p) * d + q] -= product;
                    }
                }
            }
            let scale: Vec<f64> = (0..d)
                .map(|p| self.diagonal[(node * d + p) * d + p].abs())
                .collect();
            let block = &mut diagonal[node * d * d..(node + 1) * d * d];
            for p in 0..d {
                for q in 0..=p {
                    let known: f64 = (0..q).map(|r| block[p * d + r] * block[q * d + r]).sum();
                    let rest = block[p * d + q] - known;
                    if p == q {
                        if rest.is_nan() || rest <= 1e-14 * scale[p] {
                            return Err(BadPivot {
                                node,
                                pivot: p,
                                value: rest,
                            });
                        }
                        block[p * d + p] = rest.sqrt();
                    } else {
                        block[p * d + q] = rest / block[q * d + q];
                    }
                }
            }
            if node + 1 < nodes {
                let block = &diagonal[node * d * d..(node + 1) * d * d];
                let w = &mut upper[node * d * d..(node + 1) * d * d];
                for column in 0..d {
                    for p in 0..d {
                        let known: f64 = (0..p).map(|r| block[p * d + r] * w[r * d + column]).sum();
                        w[p * d + column] = (w[p * d + column] - known) / block[p * d + p];
                    }
                }
            }
        }
        Ok(Factored { d, diagonal, upper })
    }
}

impl Factored {
    pub(crate) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let d = self.d;
        let nodes = right.len() / d;
        let mut x = right.to_vec();
        for node in 0..nodes {
            if node > 0 {
                let w = &self.upper[(node - 1) * d * d..node * d * d];
                for p in 0..d {
                    let known: f64 = (0..d).map(|r| w[r * d + p] * x[(node - 1) * d + r]).sum();
                    x[node * d + p] -= known;
                }
            }
            let block = &self.diagonal[node * d * d..(node + 1) * d * d];
            for p in 0..d {
                let known: f64 = (0..p).map(|r| block[p * d + r] * x[node * d + r]).sum();
                x[node * d + p] = (x[node * d + p] - known) / block[p * d + p];
            }
        }
        for node in (0..nodes).rev() {
            if node + 1 < nodes {
                let w = &self.upper[node * d * d..(node + 1) * d * d];
                for p in 0..d {
                    let known: f64 = (0..d).map(|q| w[p * d + q] * x[(node + 1) * d + q]).sum();
                    x[node * d + p] -= known;
                }
            }
            let block = &self.diagonal[node * d * d..(node + 1) * d * d];
            for p in (0..d).rev() {
                let known: f64 = (p + 1..d).map(|r| block[r * d + p] * x[node * d + r]).sum();
                x[node * d + p] = (x[node * d + p] - known) / block[p * d + p];
            }
        }
        x
    }
}
