package com.fieldsync

import com.fieldsync.core.FieldsyncException

/** Stable code for an app's own words, logs and support; nothing personal. */
public val FieldsyncException.code: String
    get() =
        when (this) {
            is FieldsyncException.FixEntry -> code
            is FieldsyncException.NotNow -> code
            is FieldsyncException.SignIn -> code
            is FieldsyncException.TryLater -> code
            is FieldsyncException.UpdateApp -> code
            is FieldsyncException.FreeSpace -> code
            is FieldsyncException.StorageDamaged -> code
            is FieldsyncException.Reopen -> code
            is FieldsyncException.Cancelled -> code
            is FieldsyncException.Defect -> code
        }

/** What went wrong, as a sentence to show; nothing personal. [Throwable.message] lists the fields instead. */
public val FieldsyncException.reason: String get() = toString()
