package com.fieldsync

import com.fieldsync.core.version
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class VersionTest {
    @Test
    fun `the library loads and tells its version`() {
        assertEquals(3, version().split('.').size)
    }
}
