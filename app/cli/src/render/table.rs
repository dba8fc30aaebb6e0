//! Columns as docker prints them: as wide as their widest cell, three spaces apart.

use super::text::inert;
use console::measure_text_width;

const GAP: usize = 3;
/// Docker's narrowest column, gap included.
const NARROWEST: usize = 10;

/// The table with its header; every line ends with a line feed.
pub(crate) fn render<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut lines: Vec<[String; N]> = vec![header.map(Into::into)];
    lines.extend(rows.iter().map(|row| row.each_ref().map(|cell| inert(cell))));
    let widths: [usize; N] = std::array::from_fn(|column| {
        let widest = lines.iter().map(|line| measure_text_width(&line[column])).max().unwrap_or(0);
        (widest + GAP).max(NARROWEST)
    });
    let mut out = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            out.push_str(cell);
            if column + 1 < N {
                out.extend(std::iter::repeat_n(' ', widths[column] - measure_text_width(cell)));
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_also_with_wide_letters() {
        let rows = [["가나다".into(), "x".into()], ["a-rather-long-name".into(), "y\u{1b}[31m".into()]];
        insta::assert_snapshot!(render(["NAME", "STATUS"], &rows), @r"
        NAME                 STATUS
        가나다               x
        a-rather-long-name   y [31m
        ");
    }
}
