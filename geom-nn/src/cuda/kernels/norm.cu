// Batch and layer normalisation, their reverses, and the gradient of their scales. Sums are taken in double precision.

// Mean, biased variance and 1/√(variance + ε) of every feature of a batch of single rows; one block for each feature.
extern "C" __global__ void batch_statistics(Size points, Size width, Size span, double epsilon, const T *rows, T *mean,
                                            double *variance, T *factor) {
    EACH_BLOCK(f, width / span) {
        double sum = 0, square = 0, count = (double)(points * span);
        SHARE(i, points * span) sum += rows[i / span * width + f * span + i % span];
        double centre = block_sum(sum) / count;
        SHARE(i, points * span) {
            double c = rows[i / span * width + f * span + i % span] - centre;
            square += c * c;
        }
        double spread = block_sum(square) / count;
        if (threadIdx.x == 0) {
            mean[f] = centre;
            variance[f] = spread;
            factor[f] = 1 / sqrt(spread + epsilon);
        }
    }
}

// x̂ = (x − μ) s on value rows, ẋ s on tangents.
extern "C" __global__ void batch_normalise(Rows s, Size span, const T *mean, const T *factor, const T *rows, T *hat) {
    EACH(i, s.points * stack_of(s) * s.width) {
        Size f = i % s.width / span;
        hat[i] = (rows[i] - (i / s.width % stack_of(s) ? (T)0 : mean[f])) * factor[f];
    }
}

// The means over the batch of ȳ and of ȳ x̂, feature by feature, one after the other.
extern "C" __global__ void batch_coupling(Size points, Size width, Size span, const T *hat, const T *bar, T *means) {
    EACH_BLOCK(f, width / span) {
        double sum = 0, product = 0, count = (double)(points * span);
        SHARE(i, points * span) {
            Size at = i / span * width + f * span + i % span;
            sum += bar[at];
            product += (double)bar[at] * hat[at];
        }
        sum = block_sum(sum);
        product = block_sum(product);
        if (threadIdx.x == 0) {
            means[f] = sum / count;
            means[width / span + f] = product / count;
        }
    }
}

// x̄ = γ s (ȳ − mean ȳ − x̂ mean ȳx̂); without coupling the means are left out.
extern "C" __global__ void batch_back(Size rows, Size width, Size span, unsigned coupled, const T *means, const T *hat,
                                      const T *factor, const T *scale, const T *bar, T *out) {
    EACH(i, rows * width) {
        Size f = i % width / span;
        T b = bar[i];
        if (coupled) b -= means[f] + hat[i] * means[width / span + f];
        out[i] = b * (factor[f] * scale[f]);
    }
}

// Every entry times its feature's scale.
extern "C" __global__ void scale_rows(Size rows, Size width, Size span, const T *scale, const T *hat, T *out) {
    EACH(i, rows * width) out[i] = hat[i] * scale[i % width / span];
}

// The gradient of the scale: Σ ȳ x̂ over all rows, one block for each feature.
extern "C" __global__ void scale_gradient(Size rows, Size width, Size span, const T *hat, const T *bar, T *out) {
    EACH_BLOCK(f, width / span) {
        double sum = 0;
        SHARE(i, rows * span) {
            Size at = i / span * width + f * span + i % span;
            sum += (double)bar[at] * hat[at];
        }
        sum = block_sum(sum);
        if (threadIdx.x == 0) out[f] += sum;
    }
}

__device__ inline double dot(Size width, const T *a, const T *b) {
    double sum = 0;
    SHARE(j, width) sum += (double)a[j] * b[j];
    return block_sum(sum);
}

// Takes the mean off a row; `from` and `to` may be the same.
__device__ inline void centre(Size width, const T *from, T *to) {
    double sum = 0;
    SHARE(j, width) sum += from[j];
    T mean = block_sum(sum) / width;
    SHARE(j, width) to[j] = from[j] - mean;
}

// Layer normalisation, one block for each point: with c the centred rows and s = 1/√(c·c/n + ε),
//   a_k = 2/n c·ċ_k,  b_kl = 2/n (c·c̈_kl + ċ_k·ċ_l),  ṡ_k = −½ s³ a_k,  s̈_kl = ¾ s⁵ a_k a_l − ½ s³ b_kl,
//   u = s c,  u̇_k = s ċ_k + ṡ_k c,  ü_kl = s c̈_kl + ṡ_k ċ_l + ṡ_l ċ_k + s̈_kl c.
// The scalars s, a, b of a point lie one after the other.
extern "C" __global__ void layer_forward(Rows r, const unsigned *pairs, double epsilon, const T *rows, T *centred,
                                         double *scalars, T *hat) {
    Size stack = stack_of(r), width = r.width, m = r.tangents;
    double two = 2.0 / width;
    EACH_BLOCK(point, r.points) {
        T *c = centred + point * stack * width, *u = hat + point * stack * width;
        double *q = scalars + point * stack, *a = q + 1, *b = a + m;
        for (Size i = 0; i < stack; i++) centre(width, rows + (point * stack + i) * width, c + i * width);
        double s = 1 / sqrt(dot(width, c, c) / width + epsilon);
        if (threadIdx.x == 0) q[0] = s;
        for (Size k = 0; k < m; k++) {
            double value = two * dot(width, c, c + (1 + k) * width);
            if (threadIdx.x == 0) a[k] = value;
        }
        for (Size p = 0; p < r.pairs; p++) {
            double value = dot(width, c, c + (1 + m + p) * width);
            value += dot(width, c + (1 + pairs[2 * p]) * width, c + (1 + pairs[2 * p + 1]) * width);
            if (threadIdx.x == 0) b[p] = two * value;
        }
        __syncthreads();
        double cube = -0.5 * s * s * s;
        SHARE(j, width) {
            u[j] = s * c[j];
            for (Size k = 0; k < m; k++) u[(1 + k) * width + j] = s * c[(1 + k) * width + j] + cube * a[k] * c[j];
            for (Size p = 0; p < r.pairs; p++) {
                Size k = pairs[2 * p], l = pairs[2 * p + 1], own = (1 + m + p) * width + j;
                u[own] = s * c[own] + cube * a[k] * c[(1 + l) * width + j] + cube * a[l] * c[(1 + k) * width + j] +
                         (0.75 * s * s * s * s * s * a[k] * a[l] + cube * b[p]) * c[j];
            }
        }
    }
}

// Its reverse. `work` has 2 · stack numbers for every point: the cotangents of ṡ, a and b.
extern "C" __global__ void layer_reverse(Rows r, const unsigned *pairs, const T *centred, const double *scalars,
                                         const T *scale, const T *bars, T *scaled, double *work, T *out) {
    Size stack = stack_of(r), width = r.width, m = r.tangents;
    double two = 2.0 / width;
    EACH_BLOCK(point, r.points) {
        const T *c = centred + point * stack * width;
        T *y = scaled + point * stack * width, *x = out + point * stack * width;
        const double *q = scalars + point * stack, *a = q + 1, *b = a + m;
        double *first_bar = work + point * 2 * stack, *a_bar = first_bar + m, *b_bar = a_bar + m;
        double s = q[0], cube = -0.5 * s * s * s, fifth = 0.75 * s * s * s * s * s, s_bar = 0;
        for (Size i = 0; i < stack; i++) {
            SHARE(j, width) y[i * width + j] = bars[(point * stack + i) * width + j] * scale[j];
            s_bar += dot(width, y + i * width, c + i * width);
        }
        for (Size k = 0; k < m; k++) {
            double value = dot(width, y + (1 + k) * width, c);
            if (threadIdx.x == 0) {
                first_bar[k] = value;
                a_bar[k] = 0;
            }
        }
        for (Size p = 0; p < r.pairs; p++) {
            Size k = pairs[2 * p], l = pairs[2 * p + 1];
            const T *own = y + (1 + m + p) * width;
            double to_k = dot(width, own, c + (1 + l) * width), to_l = dot(width, own, c + (1 + k) * width);
            double second = dot(width, own, c);
            s_bar += second * (3.75 * s * s * s * s * a[k] * a[l] - 1.5 * s * s * b[p]);
            if (threadIdx.x == 0) {
                first_bar[k] += to_k;
                first_bar[l] += to_l;
                a_bar[k] += second * fifth * a[l];
                a_bar[l] += second * fifth * a[k];
                b_bar[p] = cube * second;
            }
        }
        __syncthreads();
        for (Size k = 0; k < m; k++) s_bar -= 1.5 * s * s * a[k] * first_bar[k];
        SHARE(j, width) {
            double value = s * y[j] + two * cube * s_bar * c[j];
            for (Size k = 0; k < m; k++) {
                Size at = (1 + k) * width + j;
                double own = two * (a_bar[k] + cube * first_bar[k]);
                value += cube * a[k] * y[at] + own * c[at];
                x[at] = s * y[at] + own * c[j];
            }
            for (Size p = 0; p < r.pairs; p++) {
                Size k = pairs[2 * p], l = pairs[2 * p + 1], at = (1 + m + p) * width + j;
                Size to_k = (1 + k) * width + j, to_l = (1 + l) * width + j;
                value += (fifth * a[k] * a[l] + cube * b[p]) * y[at] + two * b_bar[p] * c[at];
                x[at] = s * y[at] + two * b_bar[p] * c[j];
                x[to_k] += cube * a[l] * y[at] + two * b_bar[p] * c[to_l];
                x[to_l] += cube * a[k] * y[at] + two * b_bar[p] * c[to_k];
            }
            x[j] = value;
        }
        for (Size i = 0; i < stack; i++) centre(width, x + i * width, x + i * width);
    }
}
