// Steps over flat parameters.

// The scalars of one step of Adam.
struct Rates {
    T beta1, beta2, rest1, rest2, step, inverse_root, epsilon, coupled, keep;
};

// Sets a flag if an entry is NaN or infinite.
extern "C" __global__ void find_not_finite(Size count, const T *entries, unsigned *found) {
    EACH(i, count) if (!(entries[i] - entries[i] == (T)0)) *found = 1;
}

// One step of Adam; nothing happens where the flag is set.
extern "C" __global__ void adam(Size count, Rates r, const unsigned *refused, const T *gradient, T *mean, T *square, T *parameters) {
    EACH(i, *refused ? 0 : count) {
        T p = parameters[i], g = gradient[i] + r.coupled * p;
        T m = mean[i] = r.beta1 * mean[i] + r.rest1 * g;
        T v = square[i] = r.beta2 * square[i] + r.rest2 * g * g;
        parameters[i] = r.keep * p - r.step * m / ((T)sqrt(v) * r.inverse_root + r.epsilon);
    }
}

// sum += term.
extern "C" __global__ void accumulate(Size count, const T *term, T *sum) {
    EACH(i, count) sum[i] += term[i];
}
