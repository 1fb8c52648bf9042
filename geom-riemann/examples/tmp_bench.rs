#![allow(warnings)]
use geom_riemann::charts::*;
use geom_riemann::*;
use std::time::Instant;
fn median(n: usize, mut f: impl FnMut()) -> f64 {
    let mut t: Vec<f64> = (0..n)
        .map(|_| {
            let s = Instant::now();
            f();
            s.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    t.sort_by(f64::total_cmp);
    t[n / 2]
}
fn main() {
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let j = gaussian_probes::<f32>(1000, 784, 2, 1);
            let stacked = gaussian_probes::<f32>(2, 1000, 784, 1);
            let tangents = stacked.view().permuted_axes([1, 2, 0]);
            println!("threads {threads}");
            println!(
                " metric {:.3} ms",
                median(31, || {
                    pullback_metric(j.view()).unwrap();
                })
            );
            println!(
                " spectra {:.3} ms",
                median(31, || {
                    JacobianSpectra::of(j.view()).unwrap();
                })
            );
            println!(
                " spectra tangents {:.3} ms",
                median(31, || {
                    JacobianSpectra::of(tangents).unwrap();
                })
            );
            println!(
                " var log det + gradient {:.3} ms",
                median(31, || {
                    Distortion::LogDetVariance
                        .evaluate(j.view(), &RankPolicy::Error)
                        .unwrap();
                })
            );
            println!(
                " same, tangents {:.3} ms",
                median(31, || {
                    Distortion::LogDetVariance
                        .evaluate(tangents, &RankPolicy::Error)
                        .unwrap();
                })
            );
            println!(
                " zeros+touch {:.3} ms",
                median(31, || {
                    let mut a = ndarray::Array3::<f32>::zeros((1000, 784, 2));
                    a.fill(1.0);
                    std::hint::black_box(&a);
                })
            );
            let mut keep = ndarray::Array3::<f32>::zeros((1000, 784, 2));
            println!(
                " touch {:.3} ms",
                median(31, || {
                    keep.fill(1.0);
                    std::hint::black_box(&keep);
                })
            );
            let sp = JacobianSpectra::of(j.view()).unwrap();
            println!(
                " scalar product loop {:.3} ms",
                median(31, || {
                    let x = j.as_slice().unwrap();
                    let y = keep.as_slice_mut().unwrap();
                    for (x, y) in x.as_chunks::<2>().0.iter().zip(y.as_chunks_mut::<2>().0) {
                        y[0] = (0.3 * f64::from(x[0]) + 0.1 * f64::from(x[1])) as f32;
                        y[1] = (0.1 * f64::from(x[0]) + 0.2 * f64::from(x[1])) as f32;
                    }
                    std::hint::black_box(&keep);
                })
            );
            let j8 = gaussian_probes::<f32>(1000, 784, 8, 1);
            println!(
                " d=8 {:.3} ms",
                median(11, || {
                    Distortion::LogDetVariance
                        .evaluate(j8.view(), &RankPolicy::Error)
                        .unwrap();
                })
            );
            let j64 = gaussian_probes::<f32>(100, 784, 64, 1);
            println!(
                " d=64 b=100 {:.3} ms",
                median(5, || {
                    Distortion::LogDetVariance
                        .evaluate(j64.view(), &RankPolicy::Error)
                        .unwrap();
                })
            );
            let sphere = Pullback::of(Sphere { radius: 1.0 });
            println!(
                " geodesic 64 {:.3} ms",
                median(101, || {
                    connect(
                        &sphere,
                        &[1.0, 0.0],
                        &[1.2, 1.5],
                        &GeodesicOptions::default(),
                    )
                    .unwrap();
                })
            );
            println!(
                " distance {:.3} ms",
                median(21, || {
                    distance(
                        &sphere,
                        &[1.0, 0.0],
                        &[1.2, 1.5],
                        &LogarithmOptions::default(),
                    )
                    .unwrap();
                })
            );
            let a = ndarray::Array2::from_shape_fn((1000, 2), |(i, k)| {
                if k == 0 { 1.0 + 0.0005 * i as f64 } else { 0.0 }
            });
            let b = ndarray::Array2::from_shape_fn((1000, 2), |(i, k)| {
                if k == 0 { 1.5 } else { 0.5 + 0.001 * i as f64 }
            });
            println!(
                " 1000 pairs {:.1} ms",
                median(3, || {
                    connect_all(&sphere, a.view(), b.view(), &GeodesicOptions::default()).unwrap();
                })
            );
        });
    }
}
