// Parts of stacked rows. Of every point `own` entries are meant, which begin at `start` among the `stack` entries of all of its rows.

extern "C" __global__ void take_rows(Size count, Size own, Size stack, Size start, const T *rows, unsigned add, T *out) {
    EACH(i, count) {
        T row = rows[i / own * stack + start + i % own];
        out[i] = add ? out[i] + row : row;
    }
}

extern "C" __global__ void put_rows(Size count, Size own, Size stack, Size start, const T *from, unsigned add, T *rows) {
    EACH(i, count) {
        Size at = i / own * stack + start + i % own;
        rows[at] = add ? rows[at] + from[i] : from[i];
    }
}

// Every point, and under it the unit vectors.
extern "C" __global__ void stack_units(Size count, Size width, const T *points, T *rows) {
    EACH(i, count) {
        Size column = i % width, row = i / width % (1 + width), point = i / width / (1 + width);
        rows[i] = row == 0 ? points[point * width + column] : (T)(row - 1 == column);
    }
}
