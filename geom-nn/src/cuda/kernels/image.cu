// Windows over images, pooling, upsampling, padding and dropout, each with its transpose. Every thread owns an entry of the result, so
// nothing is added by two threads and the order of every sum is fixed.

// Images of channels × height × width, and the grid of rows × columns places where the window lies.
struct Window {
    Size channels, height, width, kernel, stride, padding, rows, columns;
};
__device__ inline Size image_of(Window w) { return w.channels * w.height * w.width; }
__device__ inline Size patch_of(Window w) { return w.channels * w.kernel * w.kernel; }

// The patch under every place of the window as a row: (images · places, patch), zero in the padding.
extern "C" __global__ void gather(Window w, Size images, const T *from, T *to) {
    Size places = w.rows * w.columns, patch = patch_of(w);
    EACH(i, images * places * patch) {
        Size q = i % patch, place = i / patch % places;
        Size x = place % w.columns * w.stride + q % w.kernel, y = place / w.columns * w.stride + q / w.kernel % w.kernel;
        bool inside = x >= w.padding && x - w.padding < w.width && y >= w.padding && y - w.padding < w.height;
        Size channel = i / patch / places * w.channels + q / (w.kernel * w.kernel);
        to[i] = inside ? from[(channel * w.height + y - w.padding) * w.width + x - w.padding] : (T)0;
    }
}

// The transpose: every entry of an image is the sum of what lies over it.
extern "C" __global__ void scatter(Window w, Size images, const T *from, T *to) {
    Size places = w.rows * w.columns, patch = patch_of(w), image = image_of(w);
    EACH(i, images * image) {
        Size x = i % w.width + w.padding, y = i / w.width % w.height + w.padding;
        Size channel = i / (w.width * w.height) % w.channels;
        T sum = 0;
        for (Size dy = 0; dy < w.kernel && dy <= y; dy++) {
            Size row = (y - dy) / w.stride;
            if ((y - dy) % w.stride || row >= w.rows) continue;
            for (Size dx = 0; dx < w.kernel && dx <= x; dx++) {
                Size column = (x - dx) / w.stride;
                if ((x - dx) % w.stride || column >= w.columns) continue;
                sum += from[(i / image * places + row * w.columns + column) * patch + (channel * w.kernel + dy) * w.kernel + dx];
            }
        }
        to[i] = sum;
    }
}

// (count, a, b) to (count, b, a).
extern "C" __global__ void swap(Size count, Size a, Size b, const T *from, T *to) {
    EACH(i, count * a * b) to[i] = from[i / (a * b) * a * b + i % a * b + i / a % b];
}

// The mean under every place, plane by plane.
extern "C" __global__ void average(Window w, Size planes, const T *from, T *to) {
    Size places = w.rows * w.columns;
    EACH(i, planes * places) {
        const T *corner = from + (i / places * w.height + i % places / w.columns * w.stride) * w.width + i % w.columns * w.stride;
        T sum = 0;
        for (Size dy = 0; dy < w.kernel; dy++)
            for (Size dx = 0; dx < w.kernel; dx++) sum += corner[dy * w.width + dx];
        to[i] = sum / (T)(w.kernel * w.kernel);
    }
}

extern "C" __global__ void average_back(Window w, Size planes, const T *bar, T *to) {
    EACH(i, planes * w.height * w.width) {
        Size x = i % w.width, y = i / w.width % w.height, plane = i / (w.width * w.height);
        T sum = 0;
        for (Size dy = 0; dy < w.kernel && dy <= y; dy++)
            for (Size dx = 0; dx < w.kernel && dx <= x; dx++) {
                Size row = (y - dy) / w.stride, column = (x - dx) / w.stride;
                if ((y - dy) % w.stride || (x - dx) % w.stride || row >= w.rows || column >= w.columns) continue;
                sum += bar[(plane * w.rows + row) * w.columns + column];
            }
        to[i] = sum / (T)(w.kernel * w.kernel);
    }
}

// The entry of a plane that is largest under a place, the first among equals; NaN wins, so that it is not hidden.
__device__ inline Size largest(Window w, const T *plane, Size row, Size column) {
    Size best = row * w.stride * w.width + column * w.stride;
    for (Size dy = 0; dy < w.kernel; dy++)
        for (Size dx = 0; dx < w.kernel; dx++) {
            Size entry = (row * w.stride + dy) * w.width + column * w.stride + dx;
            if (plane[entry] > plane[best] || plane[entry] != plane[entry]) best = entry;
        }
    return best;
}

// The maximum under every place: chosen by a point's value, taken from all of its `stack` rows.
extern "C" __global__ void maximum(Window w, Size points, Size stack, const T *from, T *to) {
    Size places = w.rows * w.columns, grid = w.channels * places, image = image_of(w);
    EACH(i, points * grid) {
        Size point = i / grid, entry = i % grid, plane = entry / places * w.height * w.width;
        const T *value = from + point * stack * image + plane;
        Size best = largest(w, value, entry % places / w.columns, entry % w.columns);
        for (Size k = 0; k < stack; k++) to[(point * stack + k) * grid + entry] = value[k * image + best];
    }
}

extern "C" __global__ void maximum_back(Window w, Size points, Size stack, const T *from, const T *bar, T *to) {
    Size places = w.rows * w.columns, grid = w.channels * places, image = image_of(w), area = w.height * w.width;
    EACH(i, points * image) {
        Size point = i / image, channel = i % image / area, own = i % area, x = own % w.width, y = own / w.width;
        const T *value = from + point * stack * image + channel * area;
        for (Size k = 0; k < stack; k++) to[(point * stack + k) * image + i % image] = 0;
        for (Size dy = 0; dy < w.kernel && dy <= y; dy++)
            for (Size dx = 0; dx < w.kernel && dx <= x; dx++) {
                Size row = (y - dy) / w.stride, column = (x - dx) / w.stride;
                if ((y - dy) % w.stride || (x - dx) % w.stride || row >= w.rows || column >= w.columns) continue;
                if (largest(w, value, row, column) != own) continue;
                Size entry = channel * places + row * w.columns + column;
                for (Size k = 0; k < stack; k++)
                    to[(point * stack + k) * image + i % image] += bar[(point * stack + k) * grid + entry];
            }
    }
}

// Every entry repeated in a square; all lines of all images in one count.
extern "C" __global__ void upsample(Size lines, Size columns, Size factor, const T *from, T *to) {
    Size width = columns * factor;
    EACH(i, lines * factor * width) to[i] = from[i / width / factor * columns + i % width / factor];
}

extern "C" __global__ void upsample_back(Size lines, Size columns, Size factor, const T *bar, T *to) {
    EACH(i, lines * columns) {
        const T *corner = bar + (i / columns * columns * factor + i % columns) * factor;
        T sum = 0;
        for (Size dy = 0; dy < factor; dy++)
            for (Size dx = 0; dx < factor; dx++) sum += corner[dy * columns * factor + dx];
        to[i] = sum;
    }
}

// Planes of one size copied into planes of another, `by` lines further down and right; zeros elsewhere.
extern "C" __global__ void shift(Size planes, Size height, Size width, Size to_height, Size to_width, long long by,
                                 const T *from, T *to) {
    EACH(i, planes * to_height * to_width) {
        long long x = (long long)(i % to_width) - by, y = (long long)(i / to_width % to_height) - by;
        bool inside = x >= 0 && x < (long long)width && y >= 0 && y < (long long)height;
        to[i] = inside ? from[(i / (to_width * to_height) * height + y) * width + x] : (T)0;
    }
}

__device__ inline Size mix(Size state, Size next) {
    Size z = (state ^ next) + 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

// Dropout: the same entries for all rows of a point, by the same draws as on the host.
extern "C" __global__ void dropout(Rows s, Size seed, Size layer, double probability, T scale, const T *from, T *to) {
    EACH(i, s.points * s.width) {
        Size at = i / s.width * stack_of(s) * s.width + i % s.width;
        Size bits = mix(mix(mix(mix(0, seed), layer), i / s.width), i % s.width);
        T factor = (double)(bits >> 11) / 9007199254740992.0 < probability ? (T)0 : scale;
        for (Size k = 0; k < stack_of(s); k++) to[at + k * s.width] = from[at + k * s.width] * factor;
    }
}
