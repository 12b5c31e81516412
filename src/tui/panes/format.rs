//! Numbers as people read them: times, counts, sizes.

/// Seconds as `3 s`, `2 m 05 s` or `1 h 02 m`.
pub fn elapsed(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A count as `940`, `12.3k` or `1.2M`.
pub fn count(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => tenths(n, 1_000, "k"),
        _ => tenths(n, 1_000_000, "M"),
    }
}

/// A size in bytes as `12 B`, `1.5 kB` or `98.2 MB`.
pub fn bytes(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => tenths(n, 1_000, " kB"),
        1_000_000..1_000_000_000 => tenths(n, 1_000_000, " MB"),
        _ => tenths(n, 1_000_000_000, " GB"),
    }
}

/// `1 file`, `2 files`.
pub fn plural(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

fn tenths(n: u64, unit: u64, name: &str) -> String {
    let (whole, tenth) = (n / unit, n % unit * 10 / unit);
    if whole >= 100 || tenth == 0 { format!("{whole}{name}") } else { format!("{whole}.{tenth}{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(elapsed(7), "7 s");
        assert_eq!(elapsed(125), "2 m 05 s");
        assert_eq!(elapsed(3725), "1 h 02 m");
        assert_eq!(count(999), "999");
        assert_eq!(count(12_340), "12.3k");
        assert_eq!(count(340_000), "340k");
        assert_eq!(bytes(98_200_000), "98.2 MB");
        assert_eq!(plural(1, "file"), "1 file");
        assert_eq!(plural(0, "file"), "0 files");
    }
}
