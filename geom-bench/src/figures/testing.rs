//! What every figure's tests share: synthetic clusters, and laws that every SVG must keep.

use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use roxmltree::{Document, Node};

use super::style::text_width;

/// `n` points in `classes` stretched clusters, class by class in turn
pub(crate) fn blobs(n: usize, classes: usize) -> (Array2<f64>, Vec<i64>) {
    let mut random = ChaCha8Rng::seed_from_u64(n as u64);
    let labels: Vec<i64> = (0..n)
        .map(|i| i64::try_from(i % classes).unwrap())
        .collect();
    let points = Array2::from_shape_fn((n, 2), |(i, axis)| {
        let class = (i % classes) as f64;
        let (angle, distance) = (class * 2.399_963, 2.0 * class.sqrt());
        let center = if axis == 0 {
            distance * angle.cos() * 1.3
        } else {
            distance * angle.sin()
        };
        let noise: f64 = (0..6).map(|_| random.random::<f64>() - 0.5).sum();
        center + noise * (0.6 + 0.3 * (class + axis as f64).sin())
    });
    (points, labels)
}

/// Parses, and holds no number that is not finite, no external address, no script
pub(crate) fn check_svg(svg: &str) {
    let document = Document::parse(svg).unwrap();
    assert_eq!(document.root_element().tag_name().name(), "svg");
    for node in document.descendants().filter(Node::is_element) {
        assert_ne!(node.tag_name().name(), "script");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            if !matches!(name, "aria-label" | "href") {
                assert!(
                    !value.contains("NaN") && !value.contains("inf"),
                    "{name}={value}"
                );
            }
            if name == "href" {
                assert!(value.starts_with("data:image/png;base64,"), "{value}");
            }
        }
    }
}

/// The number of elements of this name
pub(crate) fn count(svg: &str, name: &str) -> usize {
    Document::parse(svg)
        .unwrap()
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name)))
        .count()
}

/// No two upright texts overlap and none leaves the page, by the widths of the house font
pub(crate) fn names_do_not_touch(svg: &str) {
    let document = Document::parse(svg).unwrap();
    let number = |node: Node<'_, '_>, name: &str| {
        node.attribute(name)
            .and_then(|value| value.parse::<f64>().ok())
    };
    let page = (
        number(document.root_element(), "width").unwrap(),
        number(document.root_element(), "height").unwrap(),
    );
    let boxes: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")))
        .filter_map(|node| {
            let (x, y) = (number(node, "x")?, number(node, "y")?);
            let group = node.parent_element().unwrap();
            let size = number(group, "font-size").unwrap();
            let content = node.text().unwrap_or_default();
            let width = text_width(content, size);
            let left = match group.attribute("text-anchor") {
                Some("middle") => x - width / 2.0,
                Some("end") => x - width,
                _ => x,
            };
            Some((
                left,
                y - 0.75 * size,
                left + width,
                y + 0.2 * size,
                content.to_owned(),
            ))
        })
        .collect();
    for (i, a) in boxes.iter().enumerate() {
        assert!(
            a.0 >= -0.5 && a.1 >= 0.0 && a.2 <= page.0 + 0.5 && a.3 <= page.1,
            "off the page {page:?}: {a:?}"
        );
        for b in &boxes[..i] {
            assert!(
                a.2 <= b.0 || b.2 <= a.0 || a.3 <= b.1 || b.3 <= a.1,
                "{a:?} touches {b:?}"
            );
        }
    }
}
