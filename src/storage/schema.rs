//! The layout of the database and how an older one becomes the present one.
//!
//! The steps run in ONE immediate transaction guarded by `user_version`, so two processes that start at
//! the same moment, or one that is killed, leave the old layout or the new one. (The migrator of the
//! database layer uses a transaction per step and reads its table before it takes the lock.)

use sqlx::{Connection, Row, SqliteConnection};

/// SQL of each step; the position is the layout it starts from.
const STEPS: &[&str] = &[include_str!("migrations/1.sql")];

/// The layout this Kiln reads and writes.
pub(super) const LAYOUT: i64 = 1;

/// Marks the file as ours: `KILN` in ASCII.
const APPLICATION: i64 = 0x4B49_4C4E;

/// What stands in a file that we were asked to open.
pub(super) enum Found {
    /// The present layout, made or brought up to date where needed.
    Ready,
    /// A later layout than we know.
    Newer(i64),
    /// A database of another program.
    Foreign,
}

/// Brings the database to the present layout.
pub(super) async fn prepare(connection: &mut SqliteConnection) -> Result<Found, sqlx::Error> {
    // The usual start: one read, no lock.
    match layout(connection).await? {
        LAYOUT => return Ok(Found::Ready),
        newer if newer > LAYOUT => return Ok(Found::Newer(newer)),
        _ => {}
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let present = layout(&mut transaction).await?;
    if present > LAYOUT {
        return Ok(Found::Newer(present));
    }
    if present == 0 && !is_empty(&mut transaction).await? {
        return Ok(Found::Foreign);
    }
    let done = usize::try_from(present).unwrap_or(0);
    for step in STEPS.iter().skip(done) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await?;
    }
    let marks = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {LAYOUT};");
    sqlx::raw_sql(sqlx::AssertSqlSafe(marks)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(Found::Ready)
}

/// The layout number that stands in the file.
pub(super) async fn layout(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query("PRAGMA user_version").fetch_one(connection).await?.try_get(0)
}

async fn is_empty(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(connection).await?;
    Ok(row.try_get::<i64, _>(0)? == 0)
}

/// Looks for damage; `None` when there is none.
pub(super) async fn damage(connection: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(connection).await?;
    let answer: String = row.try_get(0)?;
    Ok((answer != "ok").then_some(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_leads_to_the_layout() {
        assert_eq!(i64::try_from(STEPS.len()), Ok(LAYOUT));
    }
}
