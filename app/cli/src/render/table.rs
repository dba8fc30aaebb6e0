//! Columns as docker prints them: as wide as their widest cell, three spaces apart.

use super::text::inert;
use console::measure_text_width;

const GAP: usize = 3;
/// Docker's narrowest column, gap included.
const NARROWEST: usize = 10;

/// The table with its header; every line ends with a line feed.
pub(crate) fn render<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut lines: Vec<Vec<String>> = vec![header.map(Into::into).into()];
    lines.extend(rows.iter().map(|row| row.to_vec()));
    columns(&lines)
}

/// Lines of cells, set under each other. Lines may differ in length.
pub(crate) fn columns(lines: &[Vec<String>]) -> String {
    let lines: Vec<Vec<String>> = lines.iter().map(|line| line.iter().map(|cell| inert(cell)).collect()).collect();
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(|column| (widest(column) + GAP).max(NARROWEST)).collect();
    let mut out = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            out.push_str(cell);
            if column + 1 < line.len() {
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
