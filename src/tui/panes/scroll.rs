//! Where a long list of wrapped items is looked at: an anchor in the list, or its end.
//!
//! Heights are asked for only where the eye is, so opening at the end of a long transcript costs
//! one screen, and items above never have to be wrapped before they are seen.

/// The first visible row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Top {
    /// Which item.
    pub item: usize,
    /// Which of its rows.
    pub row: usize,
}

/// The position in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    /// `None` sticks to the end.
    top: Option<Top>,
}

/// Measures the items of a list.
pub trait Heights {
    /// Number of items.
    fn count(&self) -> usize;
    /// Rows of one item.
    fn height(&mut self, item: usize) -> usize;
}

impl Scroll {
    /// Whether the end is followed.
    pub fn follows(self) -> bool {
        self.top.is_none()
    }

    /// Goes to the end and stays there.
    pub fn follow(&mut self) {
        self.top = None;
    }

    /// Goes to a row and stays there.
    pub fn go_to(&mut self, top: Top) {
        self.top = Some(top);
    }

    /// The first visible row for a view of so many rows; goes back to following when the end is in
    /// sight.
    pub fn settle(&mut self, rows: usize, heights: &mut dyn Heights) -> Top {
        let Some(top) = self.top else { return end(rows, heights) };
        if top.item >= heights.count() {
            self.top = None;
            return end(rows, heights);
        }
        let row = top.row.min(heights.height(top.item).saturating_sub(1));
        let top = Top { item: top.item, row };
        if enough_below(top, rows, heights) {
            self.top = Some(top);
            top
        } else {
            self.top = None;
            end(rows, heights)
        }
    }

    /// Moves towards the start.
    pub fn up(&mut self, by: usize, rows: usize, heights: &mut dyn Heights) {
        let mut top = self.settle(rows, heights);
        let before = top;
        let mut left = by;
        while left > 0 {
            if top.row >= left {
                top.row -= left;
                break;
            }
            left -= top.row;
            let Some(item) = top.item.checked_sub(1) else {
                top.row = 0;
                break;
            };
            top = Top { item, row: heights.height(item) };
        }
        if top != before {
            self.top = Some(top);
        }
    }

    /// Moves towards the end; following begins when the end is reached.
    pub fn down(&mut self, by: usize, rows: usize, heights: &mut dyn Heights) {
        if self.follows() {
            return;
        }
        let mut top = self.settle(rows, heights);
        if self.follows() {
            return;
        }
        let mut left = by;
        while left > 0 && top.item < heights.count() {
            let rest = heights.height(top.item).saturating_sub(top.row);
            if rest > left {
                top.row += left;
                break;
            }
            left -= rest;
            top = Top { item: top.item + 1, row: 0 };
        }
        self.top = Some(top);
        self.settle(rows, heights);
    }
}

/// The first row that leaves exactly one view before the end.
fn end(rows: usize, heights: &mut dyn Heights) -> Top {
    let mut left = rows;
    for item in (0..heights.count()).rev() {
        let height = heights.height(item);
        if height >= left {
            return Top { item, row: height - left };
        }
        left -= height;
    }
    Top::default()
}

/// Whether a whole view and at least one row more stand from here on.
fn enough_below(top: Top, rows: usize, heights: &mut dyn Heights) -> bool {
    let mut have = heights.height(top.item).saturating_sub(top.row);
    let mut item = top.item + 1;
    while have <= rows && item < heights.count() {
        have += heights.height(item);
        item += 1;
    }
    have > rows
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<usize>, usize);
    impl Heights for Fixed {
        fn count(&self) -> usize {
            self.0.len()
        }
        fn height(&mut self, item: usize) -> usize {
            self.1 += 1;
            self.0[item]
        }
    }

    #[test]
    fn opening_at_the_end_measures_one_screen() {
        let mut list = Fixed(vec![2; 10_000], 0);
        let mut scroll = Scroll::default();
        assert_eq!(scroll.settle(20, &mut list), Top { item: 9_990, row: 0 });
        assert!(list.1 <= 12, "{} items measured", list.1);
    }

    #[test]
    fn up_and_down_come_back_to_following() {
        let mut list = Fixed(vec![3, 5, 2, 7], 0);
        let mut scroll = Scroll::default();
        scroll.up(4, 6, &mut list);
        assert_eq!(scroll.settle(6, &mut list), Top { item: 1, row: 4 });
        list.0.push(9);
        assert_eq!(scroll.settle(6, &mut list), Top { item: 1, row: 4 }, "new items do not move the view");
        scroll.down(100, 6, &mut list);
        assert!(scroll.follows());
        scroll.up(1000, 6, &mut list);
        assert_eq!(scroll.settle(6, &mut list), Top::default());
    }

    #[test]
    fn short_and_empty_lists_stand_at_their_start() {
        let mut scroll = Scroll::default();
        scroll.up(5, 10, &mut Fixed(vec![], 0));
        assert_eq!(scroll.settle(10, &mut Fixed(vec![], 0)), Top::default());
        scroll.up(5, 10, &mut Fixed(vec![1, 2], 0));
        assert!(scroll.settle(10, &mut Fixed(vec![1, 2], 0)) == Top::default());
        assert!(scroll.follows());
    }
}
