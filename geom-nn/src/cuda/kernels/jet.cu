// Bias, activation and tangents of a layer in one launch, and its reverse; sums of value rows.

// The value of an activation and its first three derivatives.
struct Curve {
    T value, slope, bend, twist;
};

// s, s' and 1 - 2s of the logistic function, without cancellation at either end.
__device__ inline void logistic(T x, T &s, T &slope, T &balance) {
    T e = exp(x > (T)0 ? -x : x);
    T inverse = (T)1 / ((T)1 + e);
    T small = e * inverse;
    slope = small * inverse;
    balance = ((T)1 - e) * inverse;
    s = x > (T)0 ? inverse : small;
    balance = x > (T)0 ? -balance : balance;
}

// In the order of `Activation::ALL`.
__device__ inline Curve curve(unsigned kind, T x) {
    Curve f;
    T s, p, balance;
    switch (kind) {
        case 1: {  // elu
            T m1 = x > (T)0 ? (T)0 : (T)expm1(x);
            f.value = x > (T)0 ? x : m1;
            f.slope = m1 + (T)1;
            f.bend = x > (T)0 ? (T)0 : f.slope;
            f.twist = f.bend;
            return f;
        }
        case 2: {  // tanh
            T m1 = expm1(x < (T)0 ? x + x : -(x + x));
            T inverse = (T)1 / ((T)2 + m1);
            T h = x < (T)0 ? m1 * inverse : -m1 * inverse;
            f.value = h;
            f.slope = (T)4 * (m1 + (T)1) * inverse * inverse;
            f.bend = (T)-2 * h * f.slope;
            f.twist = f.slope * ((T)4 * h * h - (T)2 * f.slope);
            return f;
        }
        case 3:  // softplus
            logistic(x, s, p, balance);
            f.value = (T)log1p(exp(x > (T)0 ? -x : x)) + (x < (T)0 ? (T)0 : x);
            f.slope = s;
            f.bend = p;
            f.twist = p * balance;
            return f;
        case 4:  // sigmoid
            logistic(x, s, p, balance);
            f.value = s;
            f.slope = p;
            f.bend = p * balance;
            f.twist = p * ((T)1 - (T)6 * p);
            return f;
        case 5:  // silu
            logistic(x, s, p, balance);
            f.value = x * s;
            f.slope = s + x * p;
            f.bend = p * ((T)2 + x * balance);
            f.twist = p * (balance * ((T)3 + x * balance) - (T)2 * x * p);
            return f;
        case 6: {  // gelu
            T square = x * x;
            T e = exp(-square / (T)2);
            T tail = (T)erfc((x < (T)0 ? -x : x) * (T)0.70710678118654752440) / (T)2;
            T cumulative = x > (T)0 ? (T)1 - tail : tail;
            T density = e * (T)0.39894228040143267794;
            f.value = x * cumulative;
            f.slope = cumulative + x * density;
            f.bend = density * ((T)2 - square);
            f.twist = density * x * (square - (T)4);
            return f;
        }
        case 7:  // relu; NaN fails the comparison and passes through
            f.value = x <= (T)0 ? (T)0 : x;
            f.slope = x <= (T)0 ? (T)0 : (T)1;
            f.bend = f.twist = 0;
            return f;
        case 8:  // leaky relu
            f.slope = x > (T)0 ? (T)1 : (T)0.01;
            f.value = f.slope * x;
            f.bend = f.twist = 0;
            return f;
        default:  // linear
            f.value = x;
            f.slope = 1;
            f.bend = f.twist = 0;
            return f;
    }
}

// h = σ(a), ḣ_k = σ'(a) ȧ_k, ḧ_kl = σ''(a) ȧ_k ȧ_l + σ'(a) ä_kl, where a is the value row with its bias.
extern "C" __global__ void jet_forward(Rows s, const unsigned *pairs, unsigned kind, const T *rows, const T *bias,
                                       Size span, T *out) {
    EACH(i, s.points * s.width) {
        Size column = i % s.width, at = i / s.width * stack_of(s) * s.width + column;
        Curve f = curve(kind, span ? rows[at] + bias[column / span] : rows[at]);
        out[at] = f.value;
        const T *first = rows + at + s.width;
        for (Size k = 0; k < s.tangents; k++) out[at + (1 + k) * s.width] = f.slope * first[k * s.width];
        for (Size p = 0; p < s.pairs; p++) {
            Size own = at + (1 + s.tangents + p) * s.width;
            T t = first[pairs[2 * p] * s.width], u = first[pairs[2 * p + 1] * s.width];
            out[own] = f.slope * rows[own] + f.bend * t * u;
        }
    }
}

// Turns the cotangents of the rows that jet_forward wrote into those of the rows that it read, in place.
extern "C" __global__ void jet_reverse(Rows s, const unsigned *pairs, unsigned kind, const T *rows, const T *bias,
                                       Size span, T *bar) {
    EACH(i, s.points * s.width) {
        Size column = i % s.width, at = i / s.width * stack_of(s) * s.width + column;
        Curve f = curve(kind, span ? rows[at] + bias[column / span] : rows[at]);
        const T *first = rows + at + s.width;
        T *first_bar = bar + at + s.width;
        T value = bar[at] * f.slope;
        for (Size k = 0; k < s.tangents; k++) {
            T b = first_bar[k * s.width];
            value += f.bend * first[k * s.width] * b;
            first_bar[k * s.width] = b * f.slope;
        }
        for (Size p = 0; p < s.pairs; p++) {
            Size own = at + (1 + s.tangents + p) * s.width, k = pairs[2 * p] * s.width, l = pairs[2 * p + 1] * s.width;
            T b = bar[own], t = first[k], u = first[l];
            value += b * (f.twist * t * u + f.bend * rows[own]);
            first_bar[k] += b * f.bend * u;
            first_bar[l] += b * f.bend * t;
            bar[own] = b * f.slope;
        }
        bar[at] = value;
    }
}

// Adds the bias to the value rows.
extern "C" __global__ void add_bias(Rows s, const T *bias, Size span, T *rows) {
    EACH(i, s.points * s.width) rows[i / s.width * stack_of(s) * s.width + i % s.width] += bias[i % s.width / span];
}

// Adds to the gradient of a bias with one entry for each column the sum of the value rows, 32 columns to a block of 32 × 16 threads.
extern "C" __global__ void sum_columns(Rows s, const T *bar, T *out) {
    __shared__ double part[16][32];
    Size column = (Size)blockIdx.x * 32 + threadIdx.x;
    double sum = 0;
    if (column < s.width)
        for (Size point = threadIdx.y; point < s.points; point += 16) sum += bar[point * stack_of(s) * s.width + column];
    part[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < s.width) {
        for (unsigned row = 1; row < 16; row++) sum += part[row][threadIdx.x];
        out[column] += sum;
    }
}

// The same where `span` columns share an entry, as the pixels of an image do: one block for each entry.
extern "C" __global__ void sum_features(Rows s, Size span, const T *bar, T *out) {
    EACH_BLOCK(feature, s.width / span) {
        double sum = 0;
        SHARE(i, s.points * span) sum += bar[i / span * stack_of(s) * s.width + feature * span + i % span];
        sum = block_sum(sum);
        if (threadIdx.x == 0) out[feature] += sum;
    }
}
