// What every kernel shares. `T` is float or double, defined in front of this text.
typedef unsigned long long Size;

// A loop over all entries, shared by all threads of the grid.
#define EACH(i, count) \
    for (Size i = (Size)blockIdx.x * blockDim.x + threadIdx.x; i < (count); i += (Size)gridDim.x * blockDim.x)
// A loop over items that a whole block works on together.
#define EACH_BLOCK(i, count) for (Size i = blockIdx.x; i < (count); i += gridDim.x)
// A loop of one block's threads over the entries of its item.
#define SHARE(i, count) for (Size i = threadIdx.x; i < (count); i += blockDim.x)

// The rows of a point lie together: its value, `tangents` first and `pairs` second tangents, each `width` wide.
struct Rows {
    Size points, width, tangents, pairs;
};
__device__ inline Size stack_of(Rows s) { return 1 + s.tangents + s.pairs; }

// The sum over the threads of a block of 128, in a fixed order, known to all of them.
__device__ inline double block_sum(double value) {
    __shared__ double part[128];
    __syncthreads();
    part[threadIdx.x] = value;
    __syncthreads();
    for (unsigned half = 64; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    return part[0];
}
