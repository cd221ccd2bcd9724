package sample

import com.fieldsync.core.Stroke
import com.fieldsync.core.StrokePoint
import java.awt.BasicStroke
import java.awt.BorderLayout
import java.awt.Color
import java.awt.Dimension
import java.awt.Graphics
import java.awt.Graphics2D
import java.awt.GraphicsEnvironment
import java.awt.RenderingHints
import java.awt.event.MouseAdapter
import java.awt.event.MouseEvent
import java.io.File
import javax.swing.JButton
import javax.swing.JDialog
import javax.swing.JPanel
import kotlin.math.sin

/** Has somebody sign: with the mouse, or, without a screen, from the file named by SAMPLE_STROKES, or as drawn here. */
fun capture(signer: String): List<Stroke> =
    when {
        !GraphicsEnvironment.isHeadless() -> Pad(signer).strokes()
        else -> System.getenv("SAMPLE_STROKES")?.let { replay(File(it)) } ?: listOf(flourish())
    }

/** Strokes from a file: a stroke a line, its points as `x,y,ms` between spaces. */
fun replay(file: File): List<Stroke> =
    file.readLines().filter(String::isNotBlank).map { line ->
        Stroke(
            line.trim().split(' ').map { point ->
                val (x, y, ms) = point.split(',').map(String::toInt)
                StrokePoint(x, y, ms, NO_PRESSURE)
            },
        )
    }

private fun flourish() = Stroke((0..60).map { StrokePoint(150 + it * 10, 200 + (80 * sin(it / 4.0)).toInt(), it * 15, NO_PRESSURE) })

/** What a mouse presses with. */
private const val NO_PRESSURE = 500

/** A field to sign in, as wide as 1000 and as high as 400 units whatever its size on the screen. */
private class Pad(
    signer: String,
) {
    private val lines = ArrayList<MutableList<StrokePoint>>()
    private var begunMs = 0L

    private val canvas =
        object : JPanel() {
            init {
                preferredSize = Dimension(750, 300)
                background = Color.WHITE
            }

            override fun paintComponent(graphics: Graphics) {
                super.paintComponent(graphics)
                val pen = graphics as Graphics2D
                pen.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON)
                pen.stroke = BasicStroke(3f, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND)
                for (line in lines) {
                    line.zipWithNext { from, to ->
                        pen.drawLine(from.x * width / WIDE, from.y * height / HIGH, to.x * width / WIDE, to.y * height / HIGH)
                    }
                }
            }
        }

    private val mouse =
        object : MouseAdapter() {
            override fun mousePressed(event: MouseEvent) {
                if (lines.isEmpty()) begunMs = event.`when`
                lines += mutableListOf(point(event))
            }

            override fun mouseDragged(event: MouseEvent) {
                lines.last() += point(event)
                canvas.repaint()
            }
        }

    private fun point(event: MouseEvent): StrokePoint {
        val x = (event.x * WIDE / canvas.width).coerceIn(0, WIDE)
        val y = (event.y * HIGH / canvas.height).coerceIn(0, HIGH)
        return StrokePoint(x, y, (event.`when` - begunMs).toInt(), NO_PRESSURE)
    }

    private val dialog = JDialog(null as java.awt.Frame?, "Signature of $signer", true)

    init {
        canvas.addMouseListener(mouse)
        canvas.addMouseMotionListener(mouse)
        val buttons = JPanel()
        buttons.add(JButton("Again").apply { addActionListener { lines.clear().also { canvas.repaint() } } })
        buttons.add(JButton("Sign").apply { addActionListener { dialog.dispose() } })
        dialog.add(canvas, BorderLayout.CENTER)
        dialog.add(buttons, BorderLayout.SOUTH)
        dialog.pack()
    }

    /** Waits until somebody has signed. */
    fun strokes(): List<Stroke> {
        dialog.isVisible = true
        return lines.map(::Stroke)
    }

    private companion object {
        const val WIDE = 1000
        const val HIGH = 400
    }
}
